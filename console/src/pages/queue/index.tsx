import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useCallback, useState } from 'react';
import { useNavigate, useParams } from 'react-router-dom';
import { getQueue, type Queue } from '../../api/queues';
import { RedriveDialog } from '../../components/redrive-dialog';
import { Copyable, WhenReady } from '../../components/states';
import { WordDialog } from '../../components/word-dialog';
import { useLoad } from '../../hooks/use-load';
import { useSession } from '../../hooks/use-session';
import { formatDate, formatNumber, useI18n } from '../../i18n';
import { DeadLetterTab } from './dead-letter-tab';
import { MessagesTab } from './messages-tab';
import { DetailsTab, EncryptionTab, PolicyTab } from './plain-tabs';
import { TagsTab } from './tags-tab';
import { TasksTab } from './tasks-tab';

const EVERY_MS = 3000;

export default function QueuePage() {
  const { name = '' } = useParams();
  const { client } = useSession();
  const load = useCallback((signal: AbortSignal) => getQueue(client, name, signal), [client, name]);
  const queue = useLoad(load, EVERY_MS);
  return (
    <WhenReady loaded={queue}>
      {(value) => <Loaded key={value.url} queue={value} refresh={queue.refresh} />}
    </WhenReady>
  );
}

function Loaded({ queue, refresh }: { queue: Queue; refresh: () => void }) {
  const { t } = useI18n();
  const navigate = useNavigate();
  const [dialog, setDialog] = useState<'delete' | 'purge' | 'redrive'>();
  const [tab, setTab] = useState('messages');
  const close = () => setDialog(undefined);
  const path = `/queues/${queue.name}`;

  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => void navigate(`${path}/edit`)}>{t('action.edit')}</Button>
              <Button onClick={() => setDialog('delete')}>{t('action.delete')}</Button>
              <Button onClick={() => setDialog('purge')}>{t('action.purge')}</Button>
              <Button onClick={() => setDialog('redrive')}>{t('action.redrive')}</Button>
              <Button variant="primary" onClick={() => void navigate(`${path}/messages`)}>
                {t('action.messages')}
              </Button>
            </SpaceBetween>
          }
        >
          {queue.name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Summary queue={queue} />
        <Tabs
          ariaLabel={queue.name}
          activeTabId={tab}
          onChange={({ detail }) => setTab(detail.activeTabId)}
          tabs={[
            {
              id: 'messages',
              label: t('receive.messages'),
              content: <MessagesTab queue={queue} />,
            },
            {
              id: 'dead-letter',
              label: t('column.deadLetter'),
              content: <DeadLetterTab queue={queue} />,
            },
            {
              id: 'tasks',
              label: t('tasks.title'),
              content: <TasksTab queue={queue} onStart={() => setDialog('redrive')} />,
            },
            { id: 'policy', label: t('form.policy'), content: <PolicyTab queue={queue} /> },
            {
              id: 'encryption',
              label: t('column.encryption'),
              content: <EncryptionTab queue={queue} />,
            },
            { id: 'tags', label: t('form.tags'), content: <TagsTab name={queue.name} /> },
            { id: 'details', label: t('form.details'), content: <DetailsTab queue={queue} /> },
          ]}
        />
      </SpaceBetween>
      {(dialog === 'delete' || dialog === 'purge') && (
        <WordDialog
          does={dialog}
          names={[queue.name]}
          onClose={close}
          onDone={() => {
            close();
            if (dialog === 'delete') void navigate('/');
            else refresh();
          }}
        />
      )}
      {dialog === 'redrive' && (
        <RedriveDialog
          queue={queue}
          onClose={close}
          onDone={() => {
            close();
            setTab('tasks');
          }}
        />
      )}
    </ContentLayout>
  );
}

function Summary({ queue }: { queue: Queue }) {
  const { t, language } = useI18n();
  const number = (value: number) => formatNumber(language, value);
  return (
    <Container header={<Header variant="h2">{t('queue.summary')}</Header>}>
      <KeyValuePairs
        columns={3}
        items={[
          { label: t('form.name'), value: <Copyable text={queue.name} /> },
          { label: t('form.type'), value: t(queue.isFifo ? 'type.fifo' : 'type.standard') },
          { label: t('column.created'), value: formatDate(language, queue.created) },
          { label: 'URL', value: <Copyable text={queue.url} /> },
          { label: 'ARN', value: <Copyable text={queue.arn} /> },
          { label: t('queue.modified'), value: formatDate(language, queue.modified) },
          { label: t('count.available'), value: number(queue.available) },
          { label: t('count.inFlight'), value: number(queue.inFlight) },
          { label: t('count.delayed'), value: number(queue.delayed) },
        ]}
      />
    </Container>
  );
}
