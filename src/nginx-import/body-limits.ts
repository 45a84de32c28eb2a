// `limits` of the routes about bodies: how large that of a request may be, from client_max_body_size, and how fast that of a response
// goes, from limit_rate. nginx takes both for each request.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { clamp, parseBytes } from './nginx-values.ts';
import type { Scope } from './scope.ts';
import { type YamlItem, YamlMap, YamlWords } from './yaml-text.ts';

const MOST_BYTES = 1023 * 1_073_741_824;
const UNREADABLE = 'cannot be read: write routes[].limits by hand (docs/stream-limits.md)';
const OF_WEBSOCKETS =
  'left out, since this location also passes WebSockets on, to which nginx does not apply it: write routes[].limits by hand, on a route without WebSockets (docs/stream-limits.md)';
const OF_MESSAGES =
  'left out for gRPC, where nginx adds up all messages of a call, and ends long streams: messageSize in routes[].limits bounds each message (docs/stream-limits.md)';

/** @param pass names the service of the location */
export function bodyLimitsOf(scope: Scope, pass: Directive, ledger: Ledger): readonly YamlItem[] {
  const maps = [bodySizeOf(scope, pass, ledger), responseRateOf(scope, ledger)];
  return maps.flatMap((value) => (value === undefined ? [] : [{ value }]));
}

function bodySizeOf(scope: Scope, pass: Directive, ledger: Ledger): YamlMap | undefined {
  const directive = scope.setting('client_max_body_size');
  if (directive === undefined) return undefined;
  const bytes = parseBytes(directive.words[0] ?? '');
  if (bytes === undefined) ledger.refuse(directive, UNREADABLE);
  else if (bytes === 0) ledger.carry(directive, 'nothing to set: bodies may be of any size');
  else if (pass.name === 'grpc_pass') ledger.change(directive, OF_MESSAGES);
  else if (passesWebSockets(scope)) ledger.change(directive, OF_WEBSOCKETS);
  else {
    ledger.carry(directive, 'limits');
    return new YamlMap([{ key: 'bodySize', value: sizeText(clamp(bytes, 1, MOST_BYTES)), from: directive }]);
  }
  return undefined;
}

function responseRateOf(scope: Scope, ledger: Ledger): YamlMap | undefined {
  const directive = scope.setting('limit_rate');
  const after = scope.setting('limit_rate_after');
  const rate = parseBytes(directive?.words[0] ?? '');
  const start = after === undefined ? 0 : parseBytes(after.words[0] ?? '');
  if (directive === undefined || rate === 0) {
    for (const one of [directive, after])
      if (one !== undefined) ledger.carry(one, 'nothing to set: no limit_rate paces responses here');
    return undefined;
  }
  const written = [directive, after].filter((one) => one !== undefined);
  if (rate === undefined || start === undefined) {
    for (const one of written) ledger.refuse(one, UNREADABLE);
    return undefined;
  }
  if (passesWebSockets(scope)) {
    for (const one of written) ledger.change(one, OF_WEBSOCKETS);
    return undefined;
  }
  for (const one of written)
    ledger.change(
      one,
      'limits: each response is paced, and a pause is made up for up to the burst, where nginx counts from the beginning of the response',
    );
  return new YamlMap([
    { key: 'count', value: 'bytes' },
    { key: 'direction', value: 'response' },
    { key: 'rate', value: `${sizeText(clamp(rate, 1, MOST_BYTES))}/s`, from: directive },
    // nginx begins with the bytes of one second.
    { key: 'burst', value: sizeText(clamp(rate + start, 1, MOST_BYTES)), from: after },
    { key: 'by', value: new YamlWords(['stream']) },
  ]);
}

/** Whether the usual recipe is there: `proxy_set_header Upgrade $http_upgrade`. */
function passesWebSockets(scope: Scope): boolean {
  return scope
    .inherited('proxy_set_header')
    .some(({ words: [name = '', value = ''] }) => /^upgrade$/i.test(name) && value !== '');
}

/** In the largest unit that gives a whole number. */
function sizeText(bytes: number): string {
  for (const [unit, factor] of [
    ['GiB', 1_073_741_824],
    ['MiB', 1_048_576],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}
