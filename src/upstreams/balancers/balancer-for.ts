// The balancers that a configuration can name.

import type { UpstreamConfig } from '../../config/upstream-config.ts';
import type { Balanced, Balancer } from './balancer.ts';
import { LeastRequests } from './least-requests.ts';
import { RandomChoice } from './random-choice.ts';
import { RingHash } from './ring-hash.ts';
import { RoundRobin } from './round-robin.ts';

const MAKERS: Readonly<
  Record<UpstreamConfig['balance'], <Candidate extends Balanced>() => Balancer<Candidate>>
> = {
  'round-robin': <Candidate extends Balanced>() => new RoundRobin<Candidate>(),
  'least-requests': <Candidate extends Balanced>() => new LeastRequests<Candidate>(),
  random: <Candidate extends Balanced>() => new RandomChoice<Candidate>(),
  'ring-hash': <Candidate extends Balanced>() => new RingHash<Candidate>(),
};

export function balancerFor<Candidate extends Balanced>(
  name: UpstreamConfig['balance'],
): Balancer<Candidate> {
  return MAKERS[name]<Candidate>();
}
