// --hold: keeps an idle stream open directly, through the proxy and through the target at the same time, and says which hop ended it and
// when. A hop by which nothing was held is a warning: who asks for this check wants to know of each hop.

import { healthRequest } from '../health/health-message.ts';
import type { Check } from './check.ts';
import { type Finding, unexamined, warning } from './finding.ts';
import { type HoldResult, holdStream } from './hold-stream.ts';
import { judgeHeld, unreachedBy } from './hold-verdict.ts';
import { type Way, type WayParts, type Ways, waysTo } from './hold-ways.ts';
import { REFLECTION_PATHS } from './reflection.ts';
import { TARGET_PROTOCOL } from './target-way.ts';
import { PROXY_CHECK } from './through-checks.ts';

const OPENING_MS = 10_000;
/** A stream that ends within this time was not held at all: the method is not there, or ends by itself. */
const TRIAL_MS = 1000;
const WATCH = '/grpc.health.v1.Health/Watch';

export interface HoldParts extends WayParts {
  readonly seconds: number;
  /** A method with a stream of the client, as /package.Service/Method. */
  readonly method: string | undefined;
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
  const { method } = parts;
  const wanted =
    method === undefined
      ? [BIDIRECTIONAL, OF_THE_SERVICE]
      : [[{ path: method, message: undefined, isRequestOver: false }]];
  const chosen = await Promise.all(wanted.map((candidates) => choose(candidates, parts, signal)));
  const held = await Promise.all(
    chosen.map(async ({ method: one, ways }) =>
      one === undefined ? [] : await holdEverywhere(one, ways, parts, signal),
    ),
  );
  const unseen = chosen.flatMap(({ findings }) => findings);
  // Where one hop has kept the stream, another one of which nothing is known must not pass with it.
  return distinct([...unseen, ...held.flat()]).map((finding) =>
    finding.verdict === 'skipped'
      ? warning(`${finding.text}; this hop was not examined`, finding.remedy)
      : finding,
  );
}

function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [finding.text, finding])).values()];
}

interface Choice {
  readonly method: HeldMethod | undefined;
  readonly ways: Ways;
  /** Why a way could not be tried, or no method lasts. */
  readonly findings: readonly Finding[];
}

const NO_WAYS: Ways = { open: [], closed: [], hasRoute: false };

/** Chooses the first method that lasts, among those first to which a route leads, since only they are held by each hop. */
async function choose(
  candidates: readonly HeldMethod[],
  parts: HoldParts,
  signal: AbortSignal,
): Promise<Choice> {
  const withWays = candidates
    .map((method) => ({ method, ways: waysTo(method.path, parts) }))
    .toSorted((one, other) => Number(other.ways.hasRoute) - Number(one.ways.hasRoute));
  const findings: Finding[] = [];
  for (const { method, ways } of withWays) {
    const tried = await tryMethod(method, ways, signal);
    if (tried.isHeld) return { method, ways, findings: [] };
    findings.push(...tried.findings);
  }
  if (findings.length > 0) return { method: undefined, ways: NO_WAYS, findings: distinct(findings) };
  const nobody = unexamined('there is nobody to open a stream to: nothing above could be reached');
  return { method: undefined, ways: NO_WAYS, findings: [nobody] };
}

interface Trial {
  readonly isHeld: boolean;
  readonly findings: readonly Finding[];
}

/** What cannot be reached directly may be reached by another way, such as a TARGET in another network. */
async function tryMethod(method: HeldMethod, { open }: Ways, signal: AbortSignal): Promise<Trial> {
  const findings: Finding[] = [];
  for (const { hop, name, way, path, headers } of open) {
    const result = await holdStream(way, { ...method, path, headers, holdMs: TRIAL_MS }, signal);
    if (result.outcome === 'open') return { isHeld: true, findings };
    if (result.outcome !== 'ended') {
      findings.push(unreachedBy(name, result));
      continue;
    }
    // What a proxy answers for a service that cannot be reached says nothing about its methods.
    if (hop === 'proxy' && findings.length > 0) continue;
    findings.push(unheld(name, path, result.how));
    // A service that was reached and has no such method has none by other ways either.
    if (hop === 'service') break;
  }
  return { isHeld: false, findings };
}

function unheld(name: string, path: string, how: string): Finding {
  return unexamined(
    `${name}: ${path} ended at once (${how}), so nothing was held`,
    'name a method whose requests are a stream, and that waits for them: --method /package.Service/Method',
  );
}

/** Holds one method by all ways at the same time. */
async function holdEverywhere(
  method: HeldMethod,
  { open, closed }: Ways,
  { seconds, method: named }: HoldParts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const results = await Promise.all(
    open.map(async (way): Promise<{ readonly way: Way; readonly result: HoldResult }> => {
      const { path, headers } = way;
      const request = { ...method, path, headers, holdMs: seconds * 1000 };
      return { way, result: await holdStream(way.way, request, signal) };
    }),
  );
  const direct = results.find(({ way }) => way.hop === 'service')?.result;
  const stream = method.isRequestOver ? `${method.path}, a stream of the service alone` : method.path;
  const held = { seconds, stream, isNamed: named !== undefined, direct };
  return [
    ...results.map(({ way, result }) => judgeHeld(way, result, held)),
    ...closed.map(({ name, why }) =>
      unexamined(`${name}: ${why}`, 'name a method that can be held there: --method /package.Service/Method'),
    ),
  ];
}
