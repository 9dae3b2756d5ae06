import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Form from '@cloudscape-design/components/form';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { reasonOf } from '../../api/client';
import { createQueue } from '../../api/queues';
import { QueueFields } from '../../components/queue-form';
import { useNotify } from '../../hooks/use-notify';
import { useSession } from '../../hooks/use-session';
import { useI18n } from '../../i18n';
import {
  emptyForm,
  fullName,
  problemsOf,
  tagsOf,
  toNewAttributes,
  type QueueForm,
} from '../../model/queue-form';
import { Snippets } from './snippets';
import { useOwnArn } from './use-own-arn';

export default function CreateQueue() {
  const { t } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const navigate = useNavigate();
  const [form, setForm] = useState<QueueForm>(emptyForm);
  const [isTried, setTried] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const name = fullName(form);
  const arn = useOwnArn(name);

  const create = async () => {
    setTried(true);
    if (Object.keys(problemsOf(form)).length > 0) return setFailure(t('form.look'));
    setBusy(true);
    try {
      await createQueue(client, name, toNewAttributes(form, arn), tagsOf(form));
      notify('success', t('create.done', { name }));
      await navigate(`/queues/${name}`);
    } catch (error) {
      setFailure(reasonOf(error));
      setBusy(false);
    }
  };

  return (
    <ContentLayout header={<Header variant="h1">{t('create.title')}</Header>}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => void navigate('/')}>
                {t('action.cancel')}
              </Button>
              <Button variant="primary" loading={isBusy}>
                {t('create.title')}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <QueueFields form={form} onChange={setForm} arn={arn} isNew isTried={isTried} />
            <Snippets form={form} arn={arn} />
            {failure !== '' && <Alert type="error">{failure}</Alert>}
          </SpaceBetween>
        </Form>
      </form>
    </ContentLayout>
  );
}
