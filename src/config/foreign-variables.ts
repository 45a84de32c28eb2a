// Variables in the spelling of nginx ($remote_addr) and Envoy (%DOWNSTREAM_REMOTE_ADDRESS%), which would be sent as they are written.

export interface ForeignVariable {
  /** As it is written. */
  readonly written: string;
  /** In the spelling of this configuration; undefined if there is no such variable. */
  readonly own: string | undefined;
}

/** The variables of nginx that are written into header fields, with their counterparts. `http_NAME` is besides these. */
const OF_NGINX: ReadonlyMap<string, string | undefined> = new Map([
  ['remote_addr', 'client.address'],
  ['binary_remote_addr', 'client.address'],
  ['realip_remote_addr', undefined],
  ['proxy_protocol_addr', 'client.address'],
  ['proxy_add_x_forwarded_for', undefined],
  ['host', 'host'],
  ['server_name', 'host'],
  ['hostname', undefined],
  ['request_method', 'method'],
  ['request_uri', 'path'],
  ['uri', 'path'],
  ['document_uri', 'path'],
  ['args', undefined],
  ['query_string', undefined],
  ['is_args', undefined],
  ['scheme', undefined],
  ['https', undefined],
  ['request_id', undefined],
  ['remote_port', undefined],
  ['remote_user', undefined],
  ['server_addr', undefined],
  ['server_port', undefined],
  ['server_protocol', undefined],
  ['content_type', 'header.content-type'],
  ['ssl_protocol', 'tls.version'],
  ['ssl_cipher', undefined],
  ['ssl_server_name', undefined],
  ['msec', undefined],
  ['time_iso8601', undefined],
  ['time_local', undefined],
  ['upstream_addr', undefined],
  ['upstream_status', undefined],
  ['upstream_response_time', undefined],
]);
const OF_ENVOY: ReadonlyMap<string, string | undefined> = new Map([
  ['DOWNSTREAM_REMOTE_ADDRESS', 'client.address'],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', 'client.address'],
  ['DOWNSTREAM_DIRECT_REMOTE_ADDRESS', 'client.address'],
  ['DOWNSTREAM_TLS_VERSION', 'tls.version'],
  ['ROUTE_NAME', 'route'],
]);

const NGINX = /\$(?:\{([a-z][a-z0-9_]*)\}|([a-z][a-z0-9_]*))/g;
const ENVOY = /%([A-Z][A-Z_]{2,60})(?:\(([^()%]{0,100})\))?%/g;

/** @returns how this configuration writes a variable of nginx; undefined if it has none */
export function ownOfNginx(name: string): string | undefined {
  const header = /^http_(\w+)$/.exec(name)?.[1];
  return header === undefined ? OF_NGINX.get(name) : `header.${header.replaceAll('_', '-')}`;
}

/** @returns the first variable of another program in a text that has a meaning there */
export function findForeignVariable(text: string): ForeignVariable | undefined {
  for (const [written, inBraces, bare] of text.matchAll(NGINX)) {
    // ${host} is a variable of this configuration; others in braces are refused where there are variables.
    if (inBraces !== undefined) continue;
    if (OF_NGINX.has(bare) || /^http_\w/.test(bare)) return { written, own: ownOfNginx(bare) };
    if (/^(ssl_client_|upstream_http_|sent_http_|cookie_|arg_|jwt_)/.test(bare))
      return { written, own: undefined };
  }
  for (const [written, name, argument = ''] of text.matchAll(ENVOY)) {
    if (name === 'REQ') return { written, own: ownOfEnvoyField(argument) };
    if (OF_ENVOY.has(name)) return { written, own: OF_ENVOY.get(name) };
  }
  return undefined;
}

/** `%REQ(X-TENANT)%`, `%REQ(:METHOD)%`. */
function ownOfEnvoyField(field: string): string | undefined {
  const name = field.toLowerCase();
  if (/^[a-z0-9-]+$/.test(name)) return `header.${name}`;
  const pseudo: Readonly<Record<string, string>> = {
    ':method': 'method',
    ':path': 'path',
    ':authority': 'host',
  };
  return Object.hasOwn(pseudo, name) ? pseudo[name] : undefined;
}
