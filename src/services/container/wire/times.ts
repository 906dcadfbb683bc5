/** `2026-01-31 10:00:00`: a time as Zun writes it, in UTC without saying so, to the second. Clients read no other form. */
export const zunTime = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)}`

export const zunTimeOrNull = (iso: string | null | undefined): string | null =>
  iso === null || iso === undefined ? null : zunTime(iso)
