import { run, tryRun } from '../../kernel/exec/run.ts'
import { purgeHostFirewall } from './host-firewall.ts'
import { linkFacts } from './link-facts.ts'
import { kindOfNetns, namesOf } from './names.ts'
import { Namespaces } from './namespaces.ts'
import { removeWithLinks } from './network.ts'
import { forgetHome } from './orphans.ts'

/** Takes everything that carries the cloud's tag off the host: namespaces, links, tables and rules. Nothing else is touched. */
export async function purgeLinuxNetwork(cloud: string): Promise<void> {
  const names = namesOf(cloud)
  const namespaces = new Namespaces()
  try {
    const links: unknown = JSON.parse(await run('ip', ['-j', 'link', 'show']))
    for (const link of linkFacts(Array.isArray(links) ? links : [])) {
      const ours = [names.hostLinkPrefix, names.transitLinkPrefix]
      if (ours.some((prefix) => link.ifname.startsWith(prefix)))
        await tryRun('ip', ['link', 'del', 'dev', link.ifname])
    }
    for (const netns of await namespaces.list(`sy${cloud}-`)) {
      if (kindOfNetns(cloud, netns) !== undefined) await removeWithLinks(namespaces, netns)
    }
    await purgeHostFirewall(names)
    forgetHome(cloud)
  } finally {
    await namespaces.close()
  }
}
