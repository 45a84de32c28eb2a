// The page as a whole. It shows what the model knows at the moment.

import { useState } from 'preact/hooks';
import type { FiguresFeed } from '../feed/figures-feed.ts';
import { keepToken, readToken } from '../feed/session-token.ts';
import { noticesOf } from '../model/connection-sentence.ts';
import type { ProxyModel } from '../model/proxy-model.ts';
import type { ThemeSetting } from '../model/theme.ts';
import { CertificateSection } from './certificate-section.tsx';
import { ConfigurationSection } from './configuration-section.tsx';
import { DiagnosisSection } from './diagnosis-section.tsx';
import { DrainDialog } from './drain-dialog.tsx';
import { EndpointSection } from './endpoint-section.tsx';
import { LiveCallSection } from './live-call-section.tsx';
import { Notices } from './notices.tsx';
import { PageHeader } from './page-header.tsx';
import { ProcessSection } from './process-section.tsx';
import { RouteSection } from './route-section.tsx';
import { Summary } from './summary.tsx';
import { TokenForm } from './token-form.tsx';
import { TrafficSection } from './traffic-section.tsx';
import { useModel } from './use-model.ts';

interface AppProps {
  readonly model: ProxyModel;
  readonly feed: FiguresFeed;
  readonly theme: ThemeSetting;
}

export function App({ model, feed, theme }: AppProps) {
  const nowEpochMs = useModel(model);
  const [isDraining, setIsDraining] = useState(false);
  const useToken = (token: string) => {
    keepToken(token);
    feed.connect();
  };
  const { feed: state } = model;
  return (
    <>
      <a class="skip" href="#content">
        Skip to the figures
      </a>
      <PageHeader model={model} theme={theme} nowEpochMs={nowEpochMs} onDrain={() => setIsDraining(true)} />
      <main id="content" tabIndex={-1}>
        <Notices notices={state.kind === 'token needed' ? [] : noticesOf(model, nowEpochMs)} />
        {state.kind === 'token needed' && <TokenForm isWrong={state.isWrong} onToken={useToken} />}
        {model.figures !== undefined && <Figures model={model} theme={theme} nowEpochMs={nowEpochMs} />}
      </main>
      {isDraining && (
        <DrainDialog
          model={model}
          token={readToken}
          onToken={keepToken}
          onClose={() => setIsDraining(false)}
        />
      )}
    </>
  );
}

function Figures({ model, theme, nowEpochMs }: Omit<AppProps, 'feed'> & { readonly nowEpochMs: number }) {
  const { certificates, configuration, diagnoses, endpoints } = model.facts;
  return (
    <div class={model.feed.kind === 'open' ? 'figures' : 'figures stale'}>
      <Summary model={model} nowEpochMs={nowEpochMs} />
      <TrafficSection model={model} theme={theme.theme} />
      <EndpointSection figures={model.figures} facts={endpoints} nowEpochMs={nowEpochMs} model={model} />
      <LiveCallSection model={model} />
      <div class="columns">
        <RouteSection model={model} />
        <DiagnosisSection facts={diagnoses} nowEpochMs={nowEpochMs} />
      </div>
      <div class="columns">
        <ConfigurationSection facts={configuration} figures={model.figures} nowEpochMs={nowEpochMs} />
        <CertificateSection certificates={certificates} nowEpochMs={nowEpochMs} />
      </div>
      <ProcessSection model={model} />
    </div>
  );
}
