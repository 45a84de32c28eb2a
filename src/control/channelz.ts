// What grpc.channelz.v1 shows: upstreams as channels, their endpoints as subchannels, listeners as servers. An upstream, an endpoint and a
// listener keep their identifiers as long as they exist, over reloads and in all workers, since they have them by name.

import type {
  ChannelzState,
  Connectivity,
  ShownChannel,
  ShownServer,
  ShownSubchannel,
} from '../admin/rpc/channelz-state.ts';
import type { Config } from '../config/config.ts';
import type { Plane } from '../plane/plane.ts';
import {
  type EndpointReport,
  isHeardSince,
  type NotUsed,
  type UpstreamReport,
} from '../plane/upstream-report.ts';

type AskedPlane = Pick<Plane, 'listeners' | 'upstreams' | 'listenerCalls' | 'sockets'>;

/** Who keeps calls away since something is wrong, and not since others take all calls. */
const TROUBLES: ReadonlySet<NotUsed['by']> = new Set(['health', 'outliers', 'connecting', 'keepalive']);
/** The first of them that a subchannel has is the state of its channel. */
const BEST_FIRST: readonly Connectivity[] = ['READY', 'CONNECTING', 'IDLE'];

/** Gives numbers to names, and forgets those that do not exist any more. They are below those of connections. */
class Identifiers {
  #last: number;
  readonly #step: number;
  #known: ReadonlyMap<string, number> = new Map();

  /** @param first the first number. @param step how far the numbers are apart, so that two kinds never share one */
  constructor(first: number, step: number) {
    this.#last = first - step;
    this.#step = step;
  }

  /** Begins to name everything that exists. @returns gives the number of a name */
  begin(): (name: string) => number {
    const before = this.#known;
    const next = new Map<string, number>();
    this.#known = next;
    return (name) => {
      const id = next.get(name) ?? before.get(name) ?? this.#next();
      next.set(name, id);
      return id;
    };
  }

  #next(): number {
    this.#last += this.#step;
    return this.#last;
  }
}

export class Channelz implements ChannelzState {
  readonly #plane: AskedPlane;
  readonly #config: () => Config;
  readonly #channelIds = new Identifiers(1, 2);
  readonly #serverIds = new Identifiers(2, 2);

  constructor(plane: AskedPlane, config: () => Config) {
    this.#plane = plane;
    this.#config = config;
  }

  async channels(): Promise<readonly ShownChannel[]> {
    const { upstreams } = await this.#plane.upstreams({ heldUp: false });
    // No worker has answered. What exists keeps its identifiers all the same.
    if (upstreams.length === 0) return [];
    const targets = new Map(
      this.#config().upstreams.map(({ name, discovery }) => [
        name,
        discovery?.kind === 'dns' ? `dns:${discovery.name}` : name,
      ]),
    );
    const idOf = this.#channelIds.begin();
    return upstreams.map((upstream) => channelOf(upstream, targets.get(upstream.name), idOf));
  }

  async servers(): Promise<readonly ShownServer[]> {
    const calls = new Map((await this.#plane.listenerCalls()).map((one) => [one.listener, one]));
    const idOf = this.#serverIds.begin();
    return this.#plane.listeners.map(({ name, address, port }) => {
      const { succeeded = 0, failed = 0 } = calls.get(name) ?? {};
      const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
      return {
        id: idOf(`listener ${name}`),
        name,
        calls: { started: succeeded + failed, succeeded, failed },
        listening: {
          id: idOf(`socket ${name}`),
          name: address,
          end: port === undefined ? undefined : { address: host, port },
        },
      };
    });
  }

  readonly sockets: ChannelzState['sockets'] = (query) => this.#plane.sockets(query);
}

function channelOf(
  { name, endpoints }: UpstreamReport,
  target: string | undefined,
  idOf: (name: string) => number,
): ShownChannel {
  const id = idOf(name);
  // A line break is in no name of an upstream, and in no address.
  const subchannels = endpoints.map((endpoint) =>
    subchannelOf(name, endpoint, idOf(`${name}\n${endpoint.address}`)),
  );
  const sum = (count: (one: ShownSubchannel) => number): number =>
    subchannels.reduce((total, one) => total + count(one), 0);
  return {
    id,
    name,
    target: target ?? name,
    state: BEST_FIRST.find((state) => subchannels.some((one) => one.state === state)) ?? 'TRANSIENT_FAILURE',
    calls: {
      started: sum(({ calls }) => calls.started),
      succeeded: sum(({ calls }) => calls.succeeded),
      failed: sum(({ calls }) => calls.failed),
    },
    troubles: [],
    subchannels,
  };
}

function subchannelOf(upstream: string, endpoint: EndpointReport, id: number): ShownSubchannel {
  const { address, activeCalls, answered, unanswered, reasons } = endpoint;
  return {
    id,
    upstream,
    name: address,
    target: address,
    state: stateOf(endpoint),
    calls: { started: activeCalls + answered + unanswered, succeeded: answered, failed: unanswered },
    troubles: reasons.map(({ sentence, sinceEpochMs }) => ({ sentence, sinceEpochMs })),
  };
}

function stateOf(endpoint: EndpointReport): Connectivity {
  const { connections, reasons } = endpoint;
  if (reasons.some(({ by }) => by === 'drain')) return 'SHUTDOWN';
  const hasTrouble = reasons.some(({ by }) => TROUBLES.has(by));
  // Over HTTP/1.1 connections are busy or idle.
  const { ready = 0, busy = 0, idle = 0, connecting = 0 } = connections;
  if (ready + busy + idle > 0 && (!hasTrouble || isUsable(endpoint))) return 'READY';
  if (connecting > 0) return 'CONNECTING';
  return hasTrouble ? 'TRANSIENT_FAILURE' : 'IDLE';
}

/**
 * Whether an endpoint that something is wrong with can be used, by the rule of `framegate status` and of the dashboard: a connection alone does
 * not show it, because it may be as dead as the one that could not be made. One that is kept out cannot be used, although it gets calls in a panic.
 */
function isUsable(endpoint: EndpointReport): boolean {
  const { usedBy, processes, reasons } = endpoint;
  if (usedBy === 0 || isHeardSince(endpoint) === false) return false;
  return usedBy < processes || !reasons.some(({ by }) => by === 'health' || by === 'outliers');
}
