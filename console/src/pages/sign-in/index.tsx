import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Alert from '@cloudscape-design/components/alert';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { createClient, reasonOf } from '../../api/client';
import { proveSession } from '../../api/queues';
import type { Session } from '../../api/session';
import { useI18n } from '../../i18n';

interface SignInProps {
  region: string;
  onSignIn: (session: Session) => void;
}

/** Takes the key that every request will be signed with. */
export default function SignIn({ region: usual, onSignIn }: SignInProps) {
  const { t } = useI18n();
  const [key, setKey] = useState('');
  const [secret, setSecret] = useState('');
  const [token, setToken] = useState('');
  const [region, setRegion] = useState(usual);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');

  const signIn = async () => {
    const session = {
      accessKeyId: key.trim(),
      secretAccessKey: secret.trim(),
      sessionToken: token.trim() || undefined,
      region: region.trim(),
    };
    setBusy(true);
    try {
      await proveSession(createClient(session));
      onSignIn(session);
    } catch (error) {
      setFailure(reasonOf(error));
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <Box textAlign="center" padding={{ bottom: 'l' }}>
        <img className="ant" src="/console/ant.svg" alt="" />
      </Box>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void signIn();
        }}
      >
        <Container
          header={
            <Header variant="h1" description={t('signIn.about')}>
              {t('signIn.title')}
            </Header>
          }
        >
          <Form
            actions={
              <Button variant="primary" loading={isBusy} disabled={key === '' || secret === ''}>
                {t('signIn.title')}
              </Button>
            }
          >
            <SpaceBetween size="m">
              <FormField label={t('signIn.key')}>
                <Input
                  value={key}
                  autoFocus
                  spellcheck={false}
                  autoComplete="username"
                  onChange={({ detail }) => setKey(detail.value)}
                />
              </FormField>
              <FormField label={t('signIn.secret')}>
                <Input
                  type="password"
                  value={secret}
                  autoComplete="current-password"
                  onChange={({ detail }) => setSecret(detail.value)}
                />
              </FormField>
              <FormField label={t('signIn.token')} description={t('signIn.tokenAbout')}>
                <Textarea
                  rows={2}
                  value={token}
                  spellcheck={false}
                  onChange={({ detail }) => setToken(detail.value)}
                />
              </FormField>
              <FormField label={t('place.region')}>
                <Input value={region} onChange={({ detail }) => setRegion(detail.value)} />
              </FormField>
              {failure !== '' && <Alert type="error">{failure}</Alert>}
            </SpaceBetween>
          </Form>
        </Container>
      </form>
    </main>
  );
}
