// An attempt with a stream on an upstream connection, and how to tell it from other stream owners.

import type { Stream, StreamOwner } from '../../h2/stream.ts';
import type { Holding } from '../holding.ts';
import type { PlaceUser } from '../place-user.ts';

export interface UpstreamCall extends StreamOwner, PlaceUser {
  readonly stream: Stream;
}

export function isUpstreamCall(owner: StreamOwner): owner is UpstreamCall {
  return 'giveWay' in owner;
}

/** Whether the owner has a stream that is counted: a call, or a cancelled one that still runs. */
export function holdsPlace(owner: StreamOwner): owner is StreamOwner & { holding: Holding } {
  return 'holding' in owner && isHolding(owner.holding);
}

/** Whether the proxy itself has written the request: no client pays if the service finds fault with it. */
export function isQuestion(owner: StreamOwner): boolean {
  return 'isQuestion' in owner && owner.isQuestion === true;
}

/** The holding of the client whose request has this stream, also for a cancelled call. */
export function holdingOfStream(owners: readonly StreamOwner[], streamId: number): Holding | undefined {
  const owner = owners.find((one) => 'stream' in one && 'holding' in one && idOf(one.stream) === streamId);
  if (owner === undefined || isQuestion(owner)) return undefined;
  return 'holding' in owner && isHolding(owner.holding) ? owner.holding : undefined;
}

function idOf(stream: unknown): unknown {
  return typeof stream === 'object' && stream !== null && 'id' in stream ? stream.id : undefined;
}

function isHolding(value: unknown): value is Holding {
  return typeof value === 'object' && value !== null && 'noteFault' in value;
}
