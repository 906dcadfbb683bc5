/** Who asks: what a valid token says. Names are as they were when the token was issued. */
export interface Who {
  readonly userId: string
  readonly userName: string
  readonly userDomainId: string
  readonly userDomainName: string
  readonly projectId?: string
  readonly projectName?: string
  readonly projectDomainId?: string
  readonly projectDomainName?: string
  /** Set for a domain-scoped token. */
  readonly domainId?: string
  readonly domainName?: string
  readonly system: boolean
  /** Role names, implied ones included. */
  readonly roles: readonly string[]
  readonly roleIds: readonly string[]
  readonly methods: readonly string[]
  readonly auditIds: readonly string[]
  readonly issuedAt: string
  readonly expiresAt: string
  readonly applicationCredentialId?: string
}
