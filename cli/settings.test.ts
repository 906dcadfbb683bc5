import { describe, expect, it } from 'vitest'
import { readSettings, settingsFromMainArgs } from './settings.ts'

const read = (values: Record<string, string>) =>
  readSettings({ values: { data: '/tmp/x', ...values }, words: [] })

describe('settings', () => {
  it('passes on only what was asked for', () => {
    expect(read({}).mainArgs).toEqual(['--data', '/tmp/x'])
    const asked = read({ port: '5001', 'fixed-range': '10.1.0.0/24' })
    expect(asked.mainArgs.join(' ')).toBe('--data /tmp/x --port 5001 --fixed-range 10.1.0.0/24')
  })

  it("reads back a running cloud's settings from its arguments", () => {
    const asked = read({ port: '5001', engines: 'fake' })
    const seen = settingsFromMainArgs('/tmp/x', asked.mainArgs)
    expect(seen).toEqual(asked)
    expect(seen.config.listen.port).toBe(5001)
  })

  it.each([
    [{ port: '0' }, '--port 0 is not a port number'],
    [{ port: 'x' }, '--port x is not a port number'],
    [{ 'host-ip': '1.2.3' }, 'HOST_IP 1.2.3 is not an IP address'],
    [{ 'floating-range': '10.0.0.0' }, 'FLOATING_RANGE 10.0.0.0 is not an IPv4 range'],
    [{ 'fixed-range': '10.0.0.0/33' }, 'FIXED_RANGE 10.0.0.0/33 is not an IPv4 range'],
  ])('refuses %j', (values, reason) => {
    expect(() => read(values)).toThrow(reason)
  })
})
