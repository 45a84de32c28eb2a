// Writes deploy/grafana/framegate.json from the tables in scripts/dashboard. Run `npm run dashboard` after every change to them; a
// test compares the file with what this script would write.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardText } from './dashboard/dashboard.ts';

writeFileSync(join(import.meta.dirname, '../deploy/grafana/framegate.json'), dashboardText());
