import { defineConfig } from 'vitest/config'

const common = {
  environment: 'node',
  isolate: false,
  pool: 'threads',
  testTimeout: 20_000,
  // the second that is the default is not much on a busy machine
  expect: { poll: { timeout: 10_000 } },
} as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'cli/**/*.test.ts',
            'tools/**/*.test.ts',
            'test/api/**/*.test.ts',
          ],
          exclude: ['**/*.real.test.ts'],
        },
      },
      {
        test: {
          ...common,
          name: 'real',
          pool: 'forks',
          isolate: true,
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
          include: [
            'src/**/*.real.test.ts',
            'cli/**/*.real.test.ts',
            'test/e2e/**/*.test.ts',
            'test/faults/**/*.test.ts',
          ],
        },
      },
    ],
  },
})
