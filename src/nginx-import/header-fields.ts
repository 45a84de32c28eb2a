// grpc_set_header, proxy_set_header and add_header. Framegate passes headers on unchanged and adds some of its own, among them most that
// nginx configurations usually set.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';

const LATER = 'header fields are not edited by this version (routes[].headers is to come)';

/** Fields that Framegate sends by itself, each with the values that nginx's files give them. */
const SENT: Readonly<Record<string, RegExp>> = {
  'x-forwarded-for': /^\$(proxy_add_x_forwarded_for|remote_addr|http_x_forwarded_for)$/,
  'x-forwarded-proto': /^(\$scheme|\$http_x_forwarded_proto|https?)$/,
  'x-forwarded-host': /^\$(host|http_host|server_name)$/,
  'x-request-id': /^\$(request_id|http_x_request_id|req_id)$/,
  te: /^(trailers|\$http_te)$/,
};

/** How nginx's files have WebSockets, and connections to the service kept. */
const OF_CONNECTION: Readonly<Record<string, RegExp>> = {
  upgrade: /^\$http_upgrade$/,
  connection:
    /^(|upgrade|keep-alive|\$connection_upgrade|\$http_connection|\$connection_header|\$proxy_connection)$/i,
};

/** @param kind of the pass directive: `grpc` or `proxy` */
export function judgeRequestHeaders(scope: Scope, kind: string, ledger: Ledger): void {
  for (const directive of scope.inherited(`${kind}_set_header`)) judgeField(directive, ledger);
}

function judgeField(directive: Directive, ledger: Ledger): void {
  const [name = '', value = ''] = directive.words;
  const field = name.toLowerCase();
  if (Object.hasOwn(SENT, field) && SENT[field].test(value)) {
    ledger.carry(directive, 'sent by itself, and kept from clients in trustedClients only');
  } else if (Object.hasOwn(OF_CONNECTION, field) && OF_CONNECTION[field].test(value)) {
    ledger.carry(directive, 'nothing to set: WebSockets and kept connections work by themselves');
  } else if (field === 'host' && /^\$(host|http_host)(:\$server_port)?$/.test(value)) {
    ledger.carry(directive, 'the host that the client has named is passed on');
  } else if (field === 'x-real-ip' && /^\$(remote_addr|http_x_real_ip)$/.test(value)) {
    ledger.refuse(directive, `the address of the client is in x-forwarded-for; ${LATER}`);
  } else if (/^\$http_\w+$/.test(value) && value.slice(6).replaceAll('_', '-') === field) {
    ledger.carry(directive, 'passed on as the client sent it');
  } else ledger.refuse(directive, LATER);
}

export function judgeResponseHeaders(scope: Scope, ledger: Ledger): void {
  for (const directive of scope.inherited('add_header')) ledger.refuse(directive, LATER);
}

/** The idiom of WebSockets: a map that makes a Connection field of the client's Upgrade. */
export function isConnectionMap({ name, words }: Directive): boolean {
  return name === 'map' && words[0] === '$http_upgrade' && /^\$\w*connection\w*$/.test(words[1] ?? '');
}
