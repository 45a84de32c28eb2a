// Every attack there is, in the order of docs/threat-model.md.

import type { Attack } from './attack.ts';
import { clientFloods } from './client-floods.ts';
import { clientViolations } from './client-violations.ts';
import { headerAttacks } from './header-attacks.ts';
import { hpackAttacks } from './hpack-attacks.ts';
import { resourceAttacks } from './resource-attacks.ts';
import { slowAttacks } from './slow-attacks.ts';
import { stallAttacks } from './stall-attacks.ts';
import { tlsAttacks } from './tls-attacks.ts';
import { upstreamFloods } from './upstream-floods.ts';

export const allAttacks: readonly Attack[] = [
  ...clientFloods,
  ...clientViolations,
  ...upstreamFloods,
  ...hpackAttacks,
  ...headerAttacks,
  ...tlsAttacks,
  ...resourceAttacks,
  ...slowAttacks,
  ...stallAttacks,
];
