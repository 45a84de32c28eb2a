// What the process that takes leases is told of one store. It holds secrets, and is sent through the channel, never as arguments.

export interface StoreOptions {
  readonly name: string;
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly kind: 'server' | 'cluster' | 'sentinel';
  readonly master: string | undefined;
  /** `ca`: PEM. Undefined in it means the authorities that Node trusts. Undefined as a whole means plaintext. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly prefix: string;
  /** How many processes of this machine carry calls. */
  readonly processes: number;
}
