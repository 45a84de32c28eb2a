// --hold: keeps an idle bidirectional stream open directly, through the proxy and through the target at the same time, and says which hop
// ended it and when.

import type { Config, RouteConfig } from '../config/config.ts';
import { healthRequest } from '../health/health-message.ts';
import { compileRoutes } from '../routing/route-table.ts';
import type { Check } from './check.ts';
import { type Finding, failed, note, ok, quoted, unexamined } from './finding.ts';
import type { CallWay } from './grpc-call.ts';
import { type HoldResult, holdStream } from './hold-stream.ts';
import type { ProxySlot } from './listener-way.ts';
import { REFLECTION_PATHS } from './reflection.ts';
import { TARGET_PROTOCOL, type TargetWay } from './target-checks.ts';
import { PROXY_CHECK } from './through-checks.ts';
import { directWay, type UpstreamPlan } from './upstream-checks.ts';

const OPENING_MS = 10_000;
/** A stream that ends within this time was not held at all: the method is not there, or ends by itself. */
const TRIAL_MS = 1000;
const WATCH = '/grpc.health.v1.Health/Watch';

export interface HoldParts {
  readonly seconds: number;
  /** A method with a stream of the client, as /package.Service/Method. */
  readonly method: string | undefined;
  readonly config: Config | undefined;
  readonly upstreams: UpstreamPlan | undefined;
  readonly slot: ProxySlot;
  readonly target: TargetWay | undefined;
  readonly targetText: string;
}

export function holdChecks(parts: HoldParts): readonly Check[] {
  const after = [
    TARGET_PROTOCOL,
    PROXY_CHECK,
    ...Array.from(parts.upstreams?.endpoints.values() ?? [], ({ protocolCheck }) => protocolCheck),
  ];
  return [
    {
      id: 'hold.stream',
      group: 'hold',
      title: `a stream that is silent for ${parts.seconds} s stays open`,
      after,
      limitMs: parts.seconds * 1000 + OPENING_MS,
      run: (signal) => hold(parts, signal),
    },
  ];
}

async function hold(parts: HoldParts, signal: AbortSignal): Promise<readonly Finding[]> {
  const ways = waysOf(parts);
  if (ways.length === 0)
    return [unexamined('there is nobody to open a stream to: nothing above could be reached')];
  const unseen: Finding[] = [];
  let methods: readonly HeldMethod[] = [];
  // What cannot be reached directly may be reached by another way, such as a TARGET in another network.
  for (const way of ways) {
    const chosen = await chooseMethods(way, parts.method, signal);
    methods = chosen.methods;
    if (chosen.unreached !== undefined) unseen.push(unreachedBy(way.name, chosen.unreached));
    // A service that was reached and has no such method has none by other ways either.
    if (methods.length > 0 || unseen.length === 0) break;
  }
  if (methods.length === 0) {
    // What a proxy answers for a service that cannot be reached says nothing about its methods.
    if (unseen.length > 0) return unseen;
    return [
      note(
        'no method that keeps a stream open is known: there is neither reflection nor grpc.health.v1 Watch',
        'name one with a stream of the client: --method /package.Service/Method',
      ),
    ];
  }
  const findings = await Promise.all(methods.map((method) => holdEverywhere(ways, method, parts, signal)));
  return findings.flat();
}

/** Holds one method by all ways at the same time. */
async function holdEverywhere(
  ways: readonly Way[],
  method: HeldMethod,
  parts: HoldParts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const holdMs = parts.seconds * 1000;
  const results = await Promise.all(
    ways.map(async ({ name, way, prefix }) => {
      const path = prefix(method.path);
      return {
        name,
        result: path === undefined ? undefined : await holdStream(way, { ...method, path, holdMs }, signal),
      };
    }),
  );
  const direct = results.find(({ name }) => name === 'directly')?.result;
  return results.map(({ name, result }) => judge(name, method, result, direct, parts));
}

interface Way {
  readonly name: string;
  readonly way: CallWay;
  /** The path that leads to the method by this way, or undefined if there is none. */
  readonly prefix: (path: string) => string | undefined;
}

function waysOf({ config, upstreams, slot, target, targetText }: HoldParts): readonly Way[] {
  const ways: Way[] = [];
  const upstream = config?.upstreams.find(
    ({ name, protocol }) => protocol !== 'http1' && upstreams?.endpoints.has(name) === true,
  );
  const endpoint = upstreams?.endpoints.get(upstream?.name ?? '');
  if (upstream !== undefined && endpoint !== undefined) {
    ways.push({ name: 'directly', way: directWay(upstream, endpoint.address), prefix: (path) => path });
  }
  if (config !== undefined && upstream !== undefined) {
    for (const listener of config.listeners) {
      const address = slot.proxy?.addressOf(listener.name);
      if (address === undefined || listener.proxyProtocol !== undefined) continue;
      ways.push({
        name: 'through the proxy',
        way: {
          address,
          tls: listener.tls === undefined ? undefined : { alpn: ['h2'] },
          authority: hostFor(config.routes, upstream.name),
        },
        prefix: (path) => pathFor(config.routes, listener.name, upstream.name, path),
      });
      break;
    }
  }
  if (target?.way !== undefined)
    ways.push({ name: `by ${targetText}`, way: target.way, prefix: (path) => path });
  return ways;
}

function hostFor(routes: readonly RouteConfig[], upstream: string): string {
  const route = routes.find((each) => each.upstream === upstream);
  return route?.match.host?.replace(/^\*/, 'doctor') ?? 'localhost';
}

/** The path by which clients of the listener reach a method of the upstream. */
function pathFor(
  routes: readonly RouteConfig[],
  listener: string,
  upstream: string,
  path: string,
): string | undefined {
  const table = compileRoutes(routes);
  const prefixes = ['', ...routes.flatMap(({ stripPrefix }) => stripPrefix ?? [])];
  return prefixes
    .map((prefix) => `${prefix}${path}`)
    .find((each) => {
      const taken = table.match({
        listener,
        authority: hostFor(routes, upstream),
        path: each,
        headers: new Map(),
      });
      return (
        taken?.upstream === upstream || taken?.split?.some(({ upstream: name }) => name === upstream) === true
      );
    });
}

interface HeldMethod {
  readonly path: string;
  readonly message: Buffer | undefined;
  /** Whether the request has ended, so that the service alone may still speak. Some limits count from then on. */
  readonly isRequestOver: boolean;
}

const BIDIRECTIONAL: readonly HeldMethod[] = [
  ...REFLECTION_PATHS.map((path) => ({ path, message: undefined, isRequestOver: false })),
  { path: WATCH, message: healthRequest(''), isRequestOver: false },
];
const OF_THE_SERVICE: readonly HeldMethod[] = [
  { path: WATCH, message: healthRequest(''), isRequestOver: true },
];

interface ChosenMethods {
  readonly methods: readonly HeldMethod[];
  /** A trial that has had no connection or no time, so that its method may last all the same. */
  readonly unreached: Unreached | undefined;
}

type Unreached = Extract<HoldResult, { readonly outcome: 'no-connection' | 'given-up' }>;

/** @returns a bidirectional stream, and one of the service alone, as far as the service has methods that last */
async function chooseMethods(
  first: Way,
  named: string | undefined,
  signal: AbortSignal,
): Promise<ChosenMethods> {
  const wanted =
    named === undefined
      ? [BIDIRECTIONAL, OF_THE_SERVICE]
      : [[{ path: named, message: undefined, isRequestOver: false }]];
  const chosen = await Promise.all(wanted.map((candidates) => chooseMethod(first, candidates, signal)));
  return {
    methods: chosen.flatMap((each) => (each !== undefined && 'path' in each ? [each] : [])),
    unreached: chosen.find((each): each is Unreached => each !== undefined && 'outcome' in each),
  };
}

async function chooseMethod(
  { way, prefix }: Way,
  candidates: readonly HeldMethod[],
  signal: AbortSignal,
): Promise<HeldMethod | Unreached | undefined> {
  for (const candidate of candidates) {
    const path = prefix(candidate.path);
    if (path === undefined) continue;
    const result = await holdStream(way, { ...candidate, path, holdMs: TRIAL_MS }, signal);
    if (result.outcome === 'open') return candidate;
    if (result.outcome !== 'ended') return result;
  }
  return undefined;
}

/** Whether the service can be reached is for other checks to judge: no stream was cut where none was opened. */
function unreachedBy(hop: string, result: Unreached): Finding {
  if (result.outcome === 'given-up')
    return unexamined(
      `${hop}: given up before the time was over, so nothing was seen`,
      'run it alone: --only hold',
    );
  const why = quoted(result.reason ?? result.failure, 200);
  return unexamined(
    `${hop}: no stream could be opened, as there was no connection (${why})`,
    'framegate doctor without --only says why',
  );
}

function judge(
  hop: string,
  { path, isRequestOver }: HeldMethod,
  result: HoldResult | undefined,
  direct: HoldResult | undefined,
  { seconds }: HoldParts,
): Finding {
  if (result === undefined) {
    return note(
      `${hop}: no route leads to ${path}`,
      'name a method that has one: --method /package.Service/Method',
    );
  }
  const stream = isRequestOver ? `${path}, a stream of the service alone` : path;
  if (result.outcome === 'open') return ok(`${hop}: still open after ${seconds} s (${stream})`);
  if (result.outcome !== 'ended') return unreachedBy(hop, result);
  const { afterMs, how } = result;
  const after = `${hop}: cut after ${(afterMs / 1000).toFixed(1)} s (${how}; ${stream})`;
  if (hop === 'directly') {
    return failed(
      `${after}, by the service itself`,
      'look for a limit of idle or of age in the service (grpcio: grpc.max_connection_age_ms, grpc.max_connection_idle_ms)',
    );
  }
  const isOfService = direct?.outcome === 'ended' && direct.afterMs <= afterMs + 1000;
  if (isOfService) return note(`${after}, as directly`);
  if (hop === 'through the proxy' && direct?.outcome === 'no-connection')
    return note(`${after}; the service cannot be reached directly either`);
  const comparison =
    direct?.outcome === 'open' || direct?.outcome === 'ended' ? ', while it stayed open directly' : '';
  if (hop === 'through the proxy') {
    return failed(
      `${after}${comparison}`,
      'look at timeouts.idle, timeouts.deadline and streams.maxAge in the configuration',
    );
  }
  return failed(`${after}${comparison}`, remedyFor(afterMs / 1000, hop.slice(3)));
}

/** Defaults of what is often in front of a service, by the time after which they cut. */
function remedyFor(seconds: number, target: string): string {
  const near = (wanted: number): boolean => Math.abs(seconds - wanted) <= Math.max(1.5, wanted * 0.02);
  if (near(60))
    return `60 s is nginx's default for grpc_read_timeout, grpc_send_timeout, client_body_timeout and send_timeout: set them to 24h at ${target}; also that of many load balancers`;
  if (near(15))
    return `15 s is Envoy's default for the timeout of a route: timeout: 0s for routes with streams at ${target}`;
  if (near(300)) return `5 min is Envoy's default for stream_idle_timeout: set it to 0s at ${target}`;
  return `look for a timeout of ${Math.round(seconds)} s at ${target}: grpc_read_timeout, grpc_send_timeout and client_body_timeout of nginx, timeout and stream_idle_timeout of Envoy`;
}
