// The balancers that a configuration can name.

import type { UpstreamConfig } from '../../config/config.ts';
import type { Balanced, Balancer } from './balancer.ts';
import { RoundRobin } from './round-robin.ts';

const MAKERS: Readonly<
  Record<UpstreamConfig['balance'], <Candidate extends Balanced>() => Balancer<Candidate>>
> = {
  'round-robin': <Candidate extends Balanced>() => new RoundRobin<Candidate>(),
};

export function balancerFor<Candidate extends Balanced>(
  name: UpstreamConfig['balance'],
): Balancer<Candidate> {
  return MAKERS[name]<Candidate>();
}
