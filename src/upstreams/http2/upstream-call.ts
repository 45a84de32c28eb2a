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

/** The holding of the stream with this identifier, also for a cancelled call. */
export function holdingOfStream(owners: readonly StreamOwner[], streamId: number): Holding | undefined {
  const owner = owners.find((one) => 'stream' in one && 'holding' in one && idOf(one.stream) === streamId);
  return owner !== undefined && 'holding' in owner && isHolding(owner.holding) ? owner.holding : undefined;
}

function idOf(stream: unknown): unknown {
  return typeof stream === 'object' && stream !== null && 'id' in stream ? stream.id : undefined;
}

function isHolding(value: unknown): value is Holding {
  return typeof value === 'object' && value !== null && 'noteFault' in value;
}
