import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Form from '@cloudscape-design/components/form';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useCallback, useState } from 'react';
import { useNavigate, useParams } from 'react-router-dom';
import { reasonOf } from '../../api/client';
import { getQueue, setAttributes, type Queue } from '../../api/queues';
import { QueueFields } from '../../components/queue-form';
import { WhenReady } from '../../components/states';
import { useLoad } from '../../hooks/use-load';
import { useNotify } from '../../hooks/use-notify';
import { useSession } from '../../hooks/use-session';
import { useI18n } from '../../i18n';
import { changesOf, formOf, problemsOf, type Change } from '../../model/queue-form';

export default function EditQueue() {
  const { name = '' } = useParams();
  const { client } = useSession();
  const load = useCallback((signal: AbortSignal) => getQueue(client, name, signal), [client, name]);
  const queue = useLoad(load);
  return <WhenReady loaded={queue}>{(value) => <Edit queue={value} />}</WhenReady>;
}

function Edit({ queue }: { queue: Queue }) {
  const { t } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const navigate = useNavigate();
  const [form, setForm] = useState(() => formOf(queue, {}));
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const isSound = Object.keys(problemsOf(form)).length === 0;
  const changes = isSound ? changesOf(queue, form) : [];
  const back = () => navigate(`/queues/${queue.name}`);

  const save = async () => {
    if (!isSound) return setFailure(t('form.look'));
    setBusy(true);
    try {
      const attributes = Object.fromEntries(changes.map(({ name, after }) => [name, after]));
      if (changes.length > 0) await setAttributes(client, queue.name, attributes);
      notify('success', t('edit.done', { name: queue.name }));
      await back();
    } catch (error) {
      setFailure(reasonOf(error));
      setBusy(false);
    }
  };

  return (
    <ContentLayout header={<Header variant="h1">{t('edit.title', { name: queue.name })}</Header>}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => void back()}>
                {t('action.cancel')}
              </Button>
              <Button variant="primary" loading={isBusy} disabled={isSound && changes.length === 0}>
                {t('action.save')}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <QueueFields form={form} onChange={setForm} arn={queue.arn} isNew={false} isTried />
            <Changes changes={changes} />
            {failure !== '' && <Alert type="error">{failure}</Alert>}
          </SpaceBetween>
        </Form>
      </form>
    </ContentLayout>
  );
}

/** What saving will change. */
function Changes({ changes }: { changes: Change[] }) {
  const { t } = useI18n();
  return (
    <Container
      header={
        <Header variant="h2" counter={`(${changes.length})`}>
          {t('edit.changes')}
        </Header>
      }
    >
      <Table
        variant="borderless"
        wrapLines
        items={changes}
        trackBy="name"
        empty={t('edit.noChanges')}
        columnDefinitions={[
          { id: 'name', header: t('edit.attribute'), cell: (it) => it.name, isRowHeader: true },
          {
            id: 'before',
            header: t('edit.before'),
            cell: (it) => <span className="before">{it.before || '–'}</span>,
          },
          {
            id: 'after',
            header: t('edit.after'),
            cell: (it) => <Box variant="strong">{it.after || '–'}</Box>,
          },
        ]}
      />
    </Container>
  );
}
