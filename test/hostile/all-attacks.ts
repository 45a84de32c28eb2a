// Every attack there is, in the order of docs/threat-model.md.

import { adminAttacks } from './admin-attacks.ts';
import { adminLoadAttacks } from './admin-load-attacks.ts';
import type { Attack } from './attack.ts';
import { clientFloods } from './client-floods.ts';
import { clientViolations } from './client-violations.ts';
import { connectionFloods } from './connection-floods.ts';
import { credentialAttacks } from './credential-attacks.ts';
import { deathAttacks } from './death-attacks.ts';
import { fairnessAttacks } from './fairness-attacks.ts';
import { framingAttacks } from './framing-attacks.ts';
import { headerAttacks } from './header-attacks.ts';
import { hpackAttacks } from './hpack-attacks.ts';
import { http1Attacks } from './http1-attacks.ts';
import { limitAttacks } from './limit-attacks.ts';
import { openingAttacks } from './opening-attacks.ts';
import { pacingAttacks } from './pacing-attacks.ts';
import { questionAttacks } from './question-attacks.ts';
import { resourceAttacks } from './resource-attacks.ts';
import { slowAttacks } from './slow-attacks.ts';
import { slowReaderAttacks } from './slow-reader-attacks.ts';
import { stallAttacks } from './stall-attacks.ts';
import { streamIdAttacks } from './stream-id-attacks.ts';
import { tlsAttacks } from './tls-attacks.ts';
import { upstreamFloods } from './upstream-floods.ts';

export const allAttacks: readonly Attack[] = [
  ...deathAttacks,
  ...clientFloods,
  ...clientViolations,
  ...streamIdAttacks,
  ...upstreamFloods,
  ...hpackAttacks,
  ...headerAttacks,
  ...openingAttacks,
  ...tlsAttacks,
  ...resourceAttacks,
  ...limitAttacks,
  ...pacingAttacks,
  ...slowReaderAttacks,
  ...connectionFloods,
  ...slowAttacks,
  ...stallAttacks,
  ...http1Attacks,
  ...framingAttacks,
  ...fairnessAttacks,
  ...questionAttacks,
  ...credentialAttacks,
  ...adminAttacks,
  ...adminLoadAttacks,
];
