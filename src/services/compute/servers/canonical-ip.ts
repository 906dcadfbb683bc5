/** An IPv6 address as RFC 5952 writes it (clients compare texts); anything else as it is. */
export function canonicalIp(address: string): string {
  const url = `http://[${address}]/`
  return address.includes(':') && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : address
}
