import type { MeteringSpec } from '../../../ports/network.ts'
import type { RouterExtras } from '../wiring/router-extras.ts'
import { rulesOfRouter, type LabelRuleTable } from './store.ts'

/** What the labels say to the engine. */
export const meteringOfRouter: RouterExtras = async (ctx, routerId) => {
  const rules = await rulesOfRouter(ctx, routerId)
  return rules.length === 0 ? {} : { metering: meteringOf(rules) }
}

/** Label by label; pure. */
function meteringOf(rules: readonly LabelRuleTable[]): readonly MeteringSpec[] {
  return [...Map.groupBy(rules, ({ label_id }) => label_id)].map(([labelId, list]) => ({
    labelId,
    rules: list.map((rule) => ({
      direction: rule.direction,
      ...(rule.remote_cidr === null ? {} : { remoteCidr: rule.remote_cidr }),
      ...(rule.source_cidr === null ? {} : { sourceCidr: rule.source_cidr }),
      ...(rule.destination_cidr === null ? {} : { destinationCidr: rule.destination_cidr }),
      excluded: rule.excluded === 1,
    })),
  }))
}
