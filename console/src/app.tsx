import { I18nProvider, importMessages } from '@cloudscape-design/components/i18n';
import Spinner from '@cloudscape-design/components/spinner';
import { applyDensity, applyMode, Density, Mode } from '@cloudscape-design/global-styles';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { Route, Routes } from 'react-router-dom';
import { createClient, reasonOf } from './api/client';
import { fetchServerFacts, type ServerFacts } from './api/server';
import { dropSession, keepSession, loadSession, openSession, type Session } from './api/session';
import { Shell } from './components/shell';
import { NotifyProvider } from './hooks/use-notify';
import { usePreference } from './hooks/use-preference';
import { SessionContext } from './hooks/use-session';
import {
  fill,
  I18nContext,
  loadMessages,
  preferredLanguage,
  type I18n,
  type Language,
  type Messages,
} from './i18n';
import { NotFound } from './components/states';

const Queues = lazy(() => import('./pages/queues'));
const CreateQueue = lazy(() => import('./pages/create-queue'));
const QueuePage = lazy(() => import('./pages/queue'));
const EditQueue = lazy(() => import('./pages/edit-queue'));
const MessagesPage = lazy(() => import('./pages/messages'));
const SignIn = lazy(() => import('./pages/sign-in'));

export interface Appearance {
  language: Language;
  isDark: boolean;
  isCompact: boolean;
}

type KitMessages = Awaited<ReturnType<typeof importMessages>>;

export function App() {
  const [appearance, setAppearance] = usePreference<Appearance>('appearance', {
    language: preferredLanguage(navigator.languages),
    isDark: matchMedia('(prefers-color-scheme: dark)').matches,
    isCompact: false,
  });
  const words = useWords(appearance.language);

  useEffect(() => {
    applyMode(appearance.isDark ? Mode.Dark : Mode.Light);
    applyDensity(appearance.isCompact ? Density.Compact : Density.Comfortable);
    document.documentElement.lang = appearance.language;
  }, [appearance]);

  if (words === undefined) return <Spinner size="large" />;
  return (
    <I18nProvider locale={words.i18n.language} messages={words.kit}>
      <I18nContext value={words.i18n}>
        <NotifyProvider>
          <Signed appearance={appearance} onAppearance={setAppearance} />
        </NotifyProvider>
      </I18nContext>
    </I18nProvider>
  );
}

/** The words of a language: ours, and those inside the kit's components. */
function useWords(language: Language): { i18n: I18n; kit: KitMessages } | undefined {
  const [words, setWords] = useState<{ i18n: I18n; kit: KitMessages }>();
  useEffect(() => {
    let isWanted = true;
    const load = async () => {
      const [messages, kit] = await Promise.all([loadMessages(language), importMessages(language)]);
      if (isWanted) setWords({ i18n: toI18n(language, messages), kit });
    };
    void load();
    return () => {
      isWanted = false;
    };
  }, [language]);
  return words;
}

function toI18n(language: Language, messages: Messages): I18n {
  return { language, t: (key, values) => fill(messages[key], values) };
}

interface SignedProps {
  appearance: Appearance;
  onAppearance: (appearance: Appearance) => void;
}

type Facts = ServerFacts | { failed: string };

/** Asks for a key where callers are checked; everywhere else one begins at once. */
function Signed({ appearance, onAppearance }: SignedProps) {
  const [facts, setFacts] = useState<Facts>();
  const [session, setSession] = useState<Session | undefined>(loadSession);

  useEffect(() => {
    fetchServerFacts().then(setFacts, (error: unknown) => setFacts({ failed: reasonOf(error) }));
  }, []);

  const known = facts !== undefined && !('failed' in facts) ? facts : undefined;
  const current = useMemo(() => {
    if (session !== undefined || known?.auth !== 'off') return session;
    return openSession('000000000000', known.region);
  }, [session, known]);
  const signed = useMemo(() => {
    if (current === undefined || known === undefined) return undefined;
    return {
      facts: known,
      session: current,
      client: createClient(current),
      change: (next: Session) => {
        keepSession(next);
        setSession(next);
      },
      signOut: () => {
        dropSession();
        setSession(undefined);
      },
    };
  }, [current, known]);

  if (facts === undefined) return <Spinner size="large" />;
  if (signed === undefined) {
    return (
      <Suspense fallback={<Spinner size="large" />}>
        <SignIn
          region={known?.region ?? 'us-east-1'}
          onSignIn={(next) => {
            keepSession(next);
            setSession(next);
          }}
        />
      </Suspense>
    );
  }
  return (
    <SessionContext value={signed}>
      <Shell appearance={appearance} onAppearance={onAppearance}>
        <Suspense fallback={<Spinner size="large" />}>
          {/* Another account or region begins anew. */}
          <Routes key={`${signed.session.accessKeyId} ${signed.session.region}`}>
            <Route path="/" element={<Queues />} />
            <Route path="/create-queue" element={<CreateQueue />} />
            <Route path="/queues/:name" element={<QueuePage />} />
            <Route path="/queues/:name/edit" element={<EditQueue />} />
            <Route path="/queues/:name/messages" element={<MessagesPage />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </Shell>
    </SessionContext>
  );
}
