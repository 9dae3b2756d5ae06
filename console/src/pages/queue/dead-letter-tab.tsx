import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useCallback } from 'react';
import { listSources, nameOfArn, type Queue } from '../../api/queues';
import { WhenReady } from '../../components/states';
import { useLoad } from '../../hooks/use-load';
import { useSession } from '../../hooks/use-session';
import { useI18n } from '../../i18n';
import { formOf } from '../../model/queue-form';
import { QueueLink } from './queue-link';

/** Both directions: where this queue's messages go, and whose come here. */
export function DeadLetterTab({ queue }: { queue: Queue }) {
  const { t } = useI18n();
  const { client } = useSession();
  const load = useCallback(
    (signal: AbortSignal) => listSources(client, queue.name, signal),
    [client, queue.name],
  );
  const sources = useLoad(load, 10_000);
  const { redrive } = queue;
  const allow = formOf(queue, {}).allowMode;
  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header variant="h2" description={t('queue.asSourceAbout')}>
            {t('queue.asSource')}
          </Header>
        }
      >
        {redrive === undefined ? (
          <Box color="text-body-secondary">{t('queue.noDeadLetter')}</Box>
        ) : (
          <KeyValuePairs
            columns={2}
            items={[
              {
                label: t('form.deadLetterQueue'),
                value: <QueueLink name={nameOfArn(redrive.deadLetterTargetArn)} />,
              },
              { label: t('form.maxReceives'), value: redrive.maxReceiveCount },
            ]}
          />
        )}
      </Container>
      <Container
        header={
          <Header variant="h2" description={t('queue.asTargetAbout')}>
            {t('queue.asTarget')}
          </Header>
        }
      >
        <SpaceBetween size="m">
          <KeyValuePairs
            items={[{ label: t('form.redrivePermission'), value: t(`allow.${allow}`) }]}
          />
          <WhenReady loaded={sources}>
            {(names) => (
              <Table
                variant="borderless"
                items={names.map((name) => ({ name }))}
                trackBy="name"
                empty={t('queue.noSources')}
                columnDefinitions={[
                  {
                    id: 'name',
                    header: t('queue.sources'),
                    cell: ({ name }) => <QueueLink name={name} />,
                  },
                ]}
              />
            )}
          </WhenReady>
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  );
}
