import type { Command } from './command.ts'
import { bold, cyan, dim } from './terminal.ts'

const GROUPS = {
  start: 'Start',
  use: 'Use',
  look: 'Look',
  stop: 'Stop and remove',
  help: 'Help',
} as const satisfies Record<Command['group'], string>

/** What `./stackyard` alone prints. */
export function firstScreen(commands: readonly Command[]): string {
  const lines = [
    `${bold('stackyard')}: OpenStack's APIs over real Docker containers, in one process.`,
    '',
    `  ${cyan('./stackyard demo')}    the whole story in one go: a cloud, a server, a web page behind a floating IP`,
    `  ${cyan('./stackyard up')}      only the cloud`,
    '',
  ]
  for (const [group, title] of Object.entries(GROUPS)) {
    const members = commands.filter((command) => command.group === group)
    if (members.length === 0) continue
    lines.push(bold(title))
    for (const { name, summary } of members) lines.push(`  ${name.padEnd(8)} ${summary}`)
    lines.push('')
  }
  lines.push(
    dim('./stackyard COMMAND --help tells more about one command; docs/ about everything else.'),
  )
  return lines.join('\n')
}

export function commandHelp(command: Command): string {
  const usage = ['./stackyard', command.name, '[options]', command.usage ?? ''].join(' ').trim()
  const lines = [`${bold('Usage:')} ${usage}`, '', command.summary, '']
  const options = Object.entries(command.options)
  if (options.length > 0) lines.push(bold('Options'))
  for (const [name, option] of options) {
    const short = option.short === undefined ? '' : `-${option.short}, `
    const value = option.type === 'string' ? ` ${option.value ?? 'VALUE'}` : ''
    lines.push(`  ${`${short}--${name}${value}`.padEnd(26)} ${option.help}`)
  }
  return lines.join('\n')
}
