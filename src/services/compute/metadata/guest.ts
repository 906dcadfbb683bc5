export type VendorData = Readonly<Record<string, unknown>>

/** What a guest may learn about itself, from the metadata service or its config drive. */
export interface Guest {
  readonly id: string
  readonly name: string
  readonly hostname: string
  readonly projectId: string
  readonly metadata: Readonly<Record<string, string>>
  readonly keyName: string | null
  readonly publicKey: string | null
  readonly launchIndex: number
  readonly reservationId: string
  readonly zone: string
  readonly imageId: string
  readonly flavorName: string
  /** Base64, as the client sent it. */
  readonly userData: string | null
  readonly configDrive: boolean
  /** Port id → device tag. */
  readonly nicTags: Readonly<Record<string, string>>
  /** What the operator tells every guest. */
  readonly vendorData: VendorData
}
