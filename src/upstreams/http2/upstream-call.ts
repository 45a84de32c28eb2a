// An attempt with a stream on an upstream connection, and how it is told from other owners of streams.

import type { Stream, StreamOwner } from '../../h2/stream.ts';
import type { Holding } from '../holding.ts';
import type { PlaceUser } from '../place-user.ts';

export interface UpstreamCall extends StreamOwner, PlaceUser {
  readonly stream: Stream;
}

export function isUpstreamCall(owner: StreamOwner): owner is UpstreamCall {
  return 'giveWay' in owner;
}

/** Who has a stream that is counted: a call, or one that was given up and still runs. */
export function holdsPlace(owner: StreamOwner): owner is StreamOwner & { holding: Holding } {
  return 'holding' in owner && isHolding(owner.holding);
}

/** Whose stream of this identifier is; also of a call that was given up. */
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
