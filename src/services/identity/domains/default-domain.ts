/** Id of the domain that is always there. */
export const DEFAULT_DOMAIN = 'default'
