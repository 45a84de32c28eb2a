// `health_check` of NGINX Plus, which stands in a location, as `health` of the upstream that the location leads to.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { clamp, formatDuration, parseCount, parseTime } from './nginx-values.ts';
import { YamlMap } from './yaml-text.ts';

/** What nginx takes where nothing is written. */
const USUAL_INTERVAL_MS = 5000;

const KNOWN = /^(interval|fails|passes|uri|type|grpc_service)=|^(mandatory|persistent|keepalive_time=.*)$/;

export interface ImportedHealth {
  readonly value: YamlMap;
  /** What is different from nginx. */
  readonly note: string;
}

/**
 * @param isHttp1 whether the services speak HTTP/1.1
 * @returns undefined if Framegate has no such check. The directive is then judged.
 */
export function healthOf(directive: Directive, isHttp1: boolean, ledger: Ledger): ImportedHealth | undefined {
  const valueOf = (name: string) =>
    directive.words.findLast((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const unknown = directive.words.filter((word) => !KNOWN.test(word));
  const isGrpc = valueOf('type') === 'grpc';
  if (unknown.length > 0 || isGrpc === isHttp1) {
    ledger.refuse(directive, whyNot(unknown, isHttp1));
    return undefined;
  }
  const uri = valueOf('uri') ?? '/';
  const service = valueOf('grpc_service');
  if (!/^\/[\x21-\x7e]{0,999}$/.test(uri) || !/^[\x21-\x7e]{0,200}$/.test(service ?? '')) {
    ledger.refuse(directive, 'with a name that no health of an upstream can have');
    return undefined;
  }
  const note = isHttp1
    ? 'health of the upstream, for which the status 200 alone passes, not all of 2xx and 3xx'
    : 'health of the upstream, by grpc.health.v1; NOT_SERVING counts at once';
  const interval = parseTime(valueOf('interval') ?? '') ?? USUAL_INTERVAL_MS;
  const value = new YamlMap([
    { key: 'type', value: isHttp1 ? 'http' : 'grpc' },
    isHttp1 ? { key: 'path', value: uri } : undefined,
    service === undefined ? undefined : { key: 'service', value: service },
    { key: 'interval', value: formatDuration(clamp(interval, 100, 3_600_000)) },
    { key: 'unhealthyAfter', value: clamp(parseCount(valueOf('fails')) ?? 1, 1, 100) },
    { key: 'healthyAfter', value: clamp(parseCount(valueOf('passes')) ?? 1, 1, 100) },
  ]);
  return { value, note };
}

function whyNot(unknown: readonly string[], isHttp1: boolean): string {
  if (unknown.length === 0) {
    return isHttp1
      ? 'services of HTTP/1.1 are not asked by gRPC: write health of the upstream with type: http'
      : 'services of HTTP/2 are not asked by HTTP/1.1: write health of the upstream with type: grpc';
  }
  const names = unknown.map((word) => word.replace(/=.*/s, '')).join(', ');
  return `with ${names}, which health of an upstream does not have: write it there as it should be (type, service or path, interval)`;
}
