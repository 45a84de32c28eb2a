// The certificates in use, with the days they have left: the shortest first.

import type { CertificateFacts } from '../../src/admin/dashboard-figures.ts';
import { formatCount } from '../model/format.ts';
import { Section } from './section.tsx';
import { type MarkKind, StateMark } from './state-mark.tsx';

interface CertificateSectionProps {
  readonly certificates: readonly CertificateFacts[] | undefined;
  readonly nowEpochMs: number;
}

const A_DAY_MS = 86_400_000;
/** The log warns when a certificate has so many days left. */
const WARNED = 21;
/** A full bar. */
const MOST_DAYS = 90;

export function CertificateSection({ certificates = [], nowEpochMs }: CertificateSectionProps) {
  const rows = certificates.toSorted((one, other) => one.notAfterEpochMs - other.notAfterEpochMs);
  return (
    <Section
      id="certificates"
      title="Certificates"
      note={rows.length === 0 ? undefined : 'the first to expire first'}
    >
      {rows.length === 0 && <p class="empty">The configuration has no certificates.</p>}
      <ul class="certificates">
        {rows.map((certificate) => (
          <Certificate
            key={`${certificate.kind} ${certificate.name} ${certificate.file}`}
            certificate={certificate}
            // The fact comes once, and days go by.
            daysLeft={Math.floor((certificate.notAfterEpochMs - nowEpochMs) / A_DAY_MS)}
          />
        ))}
      </ul>
    </Section>
  );
}

function Certificate({
  certificate,
  daysLeft,
}: {
  readonly certificate: CertificateFacts;
  readonly daysLeft: number;
}) {
  const kind: MarkKind = daysLeft < 0 ? 'bad' : daysLeft <= WARNED ? 'warning' : 'good';
  const names = certificate.names.replaceAll(/(?:DNS|IP Address):/g, '');
  return (
    <li>
      <p class="days">
        <StateMark kind={kind} />{' '}
        {daysLeft < 0 ? 'expired' : `${formatCount(daysLeft)} day${daysLeft === 1 ? '' : 's'} left`}
      </p>
      <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar-all" width="100" height="6" />
        <rect
          class={`bar-${kind}`}
          width={Math.max(0, Math.min(100, (daysLeft / MOST_DAYS) * 100))}
          height="6"
        />
      </svg>
      <p class="names">{names === '' ? certificate.subject : names}</p>
      <p class="about">
        <span>
          {certificate.kind} {certificate.name}
        </span>
        <span>until {new Date(certificate.notAfterEpochMs).toLocaleDateString('en-CA')}</span>
        <code>{certificate.file}</code>
      </p>
    </li>
  );
}
