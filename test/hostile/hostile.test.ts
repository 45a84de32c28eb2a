// The short half of `npm run test:hostile`: a flood, a violation, a bomb and a confusion of each kind, against a proxy
// process with the limits of stage-config.ts, while an honest client goes on calling.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allAttacks } from './all-attacks.ts';
import { assertHarmless, measure } from './measured-attack.ts';
import { Stage } from './stage.ts';

let stage: Stage;

before(async () => {
  stage = await Stage.open();
});

after(() => stage.close());

for (const attack of allAttacks.filter(({ isShort }) => isShort === true)) {
  test(`${attack.id} ${attack.name}: ${attack.rule}`, async () => {
    const measurement = await measure(stage, attack);
    assert.notEqual(measurement.reaction, '');
    assertHarmless(measurement);
  });
}
