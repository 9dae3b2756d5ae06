import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useCallback, useState } from 'react';
import { useParams } from 'react-router-dom';
import { getQueue, type Queue } from '../../api/queues';
import { WhenReady } from '../../components/states';
import { useLoad } from '../../hooks/use-load';
import { useSession } from '../../hooks/use-session';
import { useI18n } from '../../i18n';
import { EMPTY_MESSAGE, formOfMessage, type MessageForm } from '../../model/message-form';
import { Receive } from './receive';
import { Send } from './send';

export default function MessagesPage() {
  const { name = '' } = useParams();
  const { client } = useSession();
  const load = useCallback((signal: AbortSignal) => getQueue(client, name, signal), [client, name]);
  const queue = useLoad(load, 3000);
  return (
    <WhenReady loaded={queue}>
      {(value) => <Both key={value.url} queue={value} refresh={queue.refresh} />}
    </WhenReady>
  );
}

function Both({ queue, refresh }: { queue: Queue; refresh: () => void }) {
  const { t } = useI18n();
  const [form, setForm] = useState<MessageForm>(EMPTY_MESSAGE);
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={queue.name}>
          {t('action.messages')}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Send queue={queue} form={form} onChange={setForm} onSent={refresh} />
        <Receive
          queue={queue}
          onChanged={refresh}
          onSendAgain={(message) => {
            setForm(formOfMessage(message));
            window.scrollTo({ top: 0, behavior: 'smooth' });
          }}
        />
      </SpaceBetween>
    </ContentLayout>
  );
}
