import { CommandError, isSet, listOption, textOption, type Arguments } from './command.ts'

/** The options of `run` as the body of `POST /containers`. Throws for what cannot be meant. */
export function containerWish(
  args: Arguments,
  image: { readonly reference: string; readonly driver: 'glance' | 'docker' },
  command: readonly string[],
): Record<string, unknown> {
  const [cpus, memory] = [textOption(args, 'cpus'), textOption(args, 'memory')]
  const entrypoint = textOption(args, 'entrypoint')
  const network = textOption(args, 'network')
  return without({
    image: image.reference,
    image_driver: image.driver,
    name: textOption(args, 'name'),
    command: command.length === 0 ? undefined : command,
    entrypoint: entrypoint === undefined ? undefined : [entrypoint],
    environment: pairs(listOption(args, 'env'), '-e'),
    labels: pairs(listOption(args, 'label'), '-l'),
    workdir: textOption(args, 'workdir'),
    hostname: textOption(args, 'hostname'),
    cpu: cpus === undefined ? undefined : Number(cpus),
    memory: memory === undefined ? undefined : String(mebibytes(memory)),
    nets: network === undefined ? undefined : [{ network }],
    auto_remove: isSet(args, 'rm') || undefined,
    interactive: isSet(args, 'interactive') || undefined,
    tty: isSet(args, 'tty') || undefined,
    restart_policy: restartPolicy(textOption(args, 'restart')),
    published_ports: publishedPorts(listOption(args, 'publish')),
  })
}

function without(wish: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined))
}

function pairs(list: readonly string[], flag: string): Record<string, string> | undefined {
  if (list.length === 0) return undefined
  return Object.fromEntries(
    list.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new CommandError(`${flag} wants NAME=value, not «${pair}»`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** `-p 8080:80`, `-p 8080:80/udp`, `-p 80` (any free port of the host). */
function publishedPorts(list: readonly string[]): Record<string, number> | undefined {
  if (list.length === 0) return undefined
  return Object.fromEntries(
    list.map((text) => {
      const found = /^(?:(\d+):)?(\d+)(?:\/(tcp|udp))?$/.exec(text)
      const [, host = '0', port = '', protocol = 'tcp'] = found ?? []
      if (found === null || !isPort(port) || Number(host) > 65_535)
        throw new CommandError(`-p wants HOSTPORT:PORT, not «${text}»`, ['for example -p 8080:80'])
      return [`${port}/${protocol}`, Number(host)]
    }),
  )
}

const isPort = (text: string): boolean => Number(text) >= 1 && Number(text) <= 65_535

/** `256m`, `1g`, or bytes, as Docker has them. */
function mebibytes(text: string): number {
  const found = /^(\d+)([bkmg]?)$/i.exec(text)
  if (found === null) throw new CommandError(`-m wants a size such as 256m, not «${text}»`)
  const unit = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[found[2]?.toLowerCase() ?? ''] ?? 1
  return Math.ceil((Number(found[1]) * unit) / 1024 ** 2)
}

function restartPolicy(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined
  const [name = '', count] = text.split(':')
  return { Name: name, ...(count === undefined ? {} : { MaximumRetryCount: count }) }
}
