// The resolved form of `identities` and of the `access` of routes, parts of the configuration.

/** Where the keys of an identity come from: a URL, or a file. `text` tells sources apart; `shownSource` names them in messages. */
export type KeySource =
  | { readonly kind: 'url'; readonly text: string }
  /** `format`: a JSON Web Key Set, or a list of API keys or of passwords. */
  | { readonly kind: 'file'; readonly text: string; readonly format?: 'api-keys' | 'passwords' };

/** @returns the file, or the URL without its query, which may hold a credential. Two sources may have the same text */
export function shownSource({ kind, text }: KeySource): string {
  return kind === 'url' ? text.replace(/\?.*$/s, '?[redacted]') : text;
}

/** Tells apart what is read: one file read as two formats is two sets. It is not shown: a URL is whole in it. */
export function keySetName(source: KeySource): string {
  const format = source.kind === 'file' ? source.format : undefined;
  return format === undefined ? source.text : `${source.text}, as ${format}`;
}

/** A way by which clients show who they are. `name` is its key in the configuration. */
export type IdentityConfig = JwtConfig | ApiKeyConfig | BasicConfig | CertificateConfig;

export interface JwtConfig {
  readonly kind: 'jwt';
  readonly name: string;
  readonly issuer: string;
  /** The token must be for one of these. Empty means that this is not checked. */
  readonly audience: readonly string[];
  readonly keys: KeySource;
  /** The header field that the token is in, in lower case. */
  readonly header: string;
  /** The names of the signature algorithms that are accepted (RFC 7518 section 3.1). */
  readonly algorithms: readonly string[];
  /** How far the clocks of issuer and proxy may differ. */
  readonly clockSkewMs: number;
  /** Maps the names of claims to the header fields that the service is sent. */
  readonly claims: ReadonlyMap<string, string>;
}

export interface ApiKeyConfig {
  readonly kind: 'apiKey';
  readonly name: string;
  /** The header field that the key is in, in lower case. */
  readonly header: string;
  readonly keys: KeySource;
  /** The header field in which the service is sent the name of the key. */
  readonly subject: string | undefined;
}

export interface BasicConfig {
  readonly kind: 'basic';
  readonly name: string;
  readonly keys: KeySource;
  /** The header field in which the service is sent the name of the user. */
  readonly subject: string | undefined;
}

export interface CertificateConfig {
  readonly kind: 'certificate';
  readonly name: string;
  /** Only SPIFFE ids of this trust domain are accepted. Undefined means every certificate that the listener accepts. */
  readonly trustDomain: string | undefined;
  /** The header field in which the service is sent the name in the certificate. */
  readonly subject: string | undefined;
}

export interface AccessConfig {
  /** The names of identities, of which the client must have one. Empty means that it needs none. */
  readonly require: readonly string[];
  /** One of these must hold. Undefined means that every client with a required identity may call. */
  readonly allow: readonly AccessRuleConfig[] | undefined;
  /** None of these may hold. They come before `allow`. */
  readonly deny: readonly AccessRuleConfig[];
  /** What becomes of a call that outlives the credentials with which it began. */
  readonly onExpiry: 'end' | 'recheck' | 'ignore';
}

/** A rule holds if every criterion that is given holds. One of the values of a criterion is enough. */
export interface AccessRuleConfig {
  readonly identity?: readonly string[] | undefined;
  /** Exact texts, or prefixes that end in `*`. */
  readonly subject?: readonly string[] | undefined;
  /** Maps names of claims to values. */
  readonly claim?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Networks (CIDR), or unix:. */
  readonly client?: readonly string[] | undefined;
  /** Exact paths, or prefixes that end in `*`. */
  readonly method?: readonly string[] | undefined;
}
