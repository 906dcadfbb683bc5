import { must, can, type Ctx } from '../../../kernel/ctx/ctx.ts'

/** Zun's name of a rule, as a rule of this cloud. */
export const ruleOf = (name: string): string => `container:${name}`

export const mayDo = (ctx: Ctx, name: string): boolean => can(ctx, ruleOf(name))

export function mustMay(ctx: Ctx, name: string): void {
  must(ctx, ruleOf(name))
}
