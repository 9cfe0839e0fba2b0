/** A person as the identity provider vouches for them, bound to the certificate of the connection. */
export interface Reader {
  /** `sub` of the token: stable and opaque. */
  readonly subject: string
  readonly name: string
  /** Level name of the label policy. */
  readonly clearance: string
  /** Restrictive categories held. */
  readonly caveats: readonly string[]
  /** ISO 3166-1 alpha-3. */
  readonly nationality: string
  readonly organisation: string
  /** The data domain the person may publish for. */
  readonly domain?: string
  /** SHA-256 of the client certificate, base64url: what the token is bound to. */
  readonly certificate: string
  /** `jti` of the token. */
  readonly token: string
}
