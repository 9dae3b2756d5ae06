import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { reasonOf } from '../../api/client';
import { sendMessage, sendMessages } from '../../api/messages';
import type { Queue } from '../../api/queues';
import { useNotify } from '../../hooks/use-notify';
import { useSession } from '../../hooks/use-session';
import { useI18n } from '../../i18n';
import {
  EMPTY_MESSAGE,
  messageProblems,
  toMessages,
  type MessageField,
  type MessageForm,
} from '../../model/message-form';
import { prettyJson } from '../../model/policy';
import { MessageAttributes } from './attributes';

interface SendProps {
  queue: Queue;
  form: MessageForm;
  onChange: (form: MessageForm) => void;
  onSent: () => void;
}

export function Send({ queue, form, onChange, onSent }: SendProps) {
  const { t } = useI18n();
  const { client } = useSession();
  const notify = useNotify();
  const [isBusy, setBusy] = useState(false);
  const [isTried, setTried] = useState(false);
  const [failure, setFailure] = useState('');
  const byContent = queue.attributes['ContentBasedDeduplication'] === 'true';
  const problems = messageProblems(form, queue.isFifo, byContent);
  const problem = (field: MessageField) => {
    const key = problems[field];
    if (key === undefined || (key === 'problem.required' && !isTried)) return undefined;
    return t(key);
  };
  const set = (change: Partial<MessageForm>) => onChange({ ...form, ...change });

  const send = async () => {
    setTried(true);
    if (Object.keys(problems).length > 0) return;
    setBusy(true);
    setFailure('');
    try {
      const messages = toMessages(form, queue.isFifo);
      const [first] = messages;
      if (first !== undefined && messages.length === 1) {
        const id = await sendMessage(client, queue.name, first);
        notify('success', t('send.done'), t('send.doneId', { id }));
      } else {
        const failures = await sendMessages(client, queue.name, messages);
        notify('success', t('send.doneMany', { count: messages.length - failures.length }));
        setFailure(failures.map(({ id, reason }) => `${Number(id) + 1}: ${reason}`).join('\n'));
      }
      setTried(false);
      onSent();
    } catch (error) {
      setFailure(reasonOf(error));
    }
    setBusy(false);
  };

  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => onChange(EMPTY_MESSAGE)}>{t('send.clear')}</Button>
              <Button variant="primary" loading={isBusy} onClick={() => void send()}>
                {t('send.send')}
              </Button>
            </SpaceBetween>
          }
        >
          {t('send.title')}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <SegmentedControl
          label={t('send.mode')}
          selectedId={form.mode}
          onChange={({ detail }) => set({ mode: detail.selectedId as MessageForm['mode'] })}
          options={[
            { id: 'text', text: t('send.text') },
            { id: 'json', text: 'JSON' },
          ]}
        />
        <FormField
          label={t('send.body')}
          errorText={problem('body')}
          constraintText={t('send.bodyRule')}
          stretch
          secondaryControl={
            form.mode === 'json' ? (
              <Button onClick={() => set({ body: prettyJson(form.body) })}>
                {t('action.format')}
              </Button>
            ) : undefined
          }
        >
          <div className={form.mode === 'json' ? 'mono' : undefined}>
            <Textarea
              rows={6}
              spellcheck={form.mode === 'text'}
              ariaLabel={t('send.body')}
              placeholder={t('send.bodyPlaceholder')}
              value={form.body}
              onChange={({ detail }) => set({ body: detail.value })}
            />
          </div>
        </FormField>
        <Checkbox
          checked={form.perLine}
          description={t('send.perLineAbout')}
          onChange={({ detail }) => set({ perLine: detail.checked })}
        >
          {t('send.perLine')}
        </Checkbox>
        <ColumnLayout columns={2}>
          <FormField
            label={queue.isFifo ? t('message.group') : t('send.groupOptional')}
            errorText={problem('groupId')}
          >
            <Input
              value={form.groupId}
              spellcheck={false}
              onChange={({ detail }) => set({ groupId: detail.value })}
            />
          </FormField>
          {queue.isFifo ? (
            <FormField
              label={byContent ? t('send.deduplicationOptional') : t('message.deduplication')}
              errorText={problem('deduplicationId')}
            >
              <Input
                value={form.deduplicationId}
                spellcheck={false}
                onChange={({ detail }) => set({ deduplicationId: detail.value })}
              />
            </FormField>
          ) : (
            <FormField label={t('send.delay')} errorText={problem('delay')}>
              <Input
                type="number"
                value={form.delay}
                placeholder={queue.attributes['DelaySeconds']}
                onChange={({ detail }) => set({ delay: detail.value })}
              />
            </FormField>
          )}
        </ColumnLayout>
        <ExpandableSection
          headerText={t('send.attributes', { count: form.attributes.length })}
          defaultExpanded={form.attributes.length > 0}
        >
          <MessageAttributes
            attributes={form.attributes}
            problem={form.attributes.length > 0 ? problem('attributes') : undefined}
            onChange={(attributes) => set({ attributes })}
          />
        </ExpandableSection>
        {failure !== '' && <Alert type="error">{failure}</Alert>}
      </SpaceBetween>
    </Container>
  );
}
