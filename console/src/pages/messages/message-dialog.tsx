import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import Tabs from '@cloudscape-design/components/tabs';
import type { ReceivedMessage } from '../../api/messages';
import { Copyable } from '../../components/states';
import { formatDate, useI18n } from '../../i18n';
import { prettyJson } from '../../model/policy';

interface MessageDialogProps {
  message: Omit<ReceivedMessage, 'handle'>;
  onClose: () => void;
  onDownload: () => void;
  onSendAgain?: () => void;
}

export function MessageDialog({ message, onClose, onDownload, onSendAgain }: MessageDialogProps) {
  const { t, language } = useI18n();
  const body = (
    <SpaceBetween size="s">
      <pre className="code">{prettyJson(message.body)}</pre>
      <CopyToClipboard
        textToCopy={message.body}
        copyButtonText={t('copy.copy')}
        copySuccessText={t('copy.done')}
        copyErrorText={t('copy.failed')}
      />
    </SpaceBetween>
  );
  const details = (
    <KeyValuePairs
      columns={2}
      items={[
        { label: t('message.id'), value: <Copyable text={message.id} /> },
        { label: t('message.sent'), value: formatDate(language, message.sent) },
        { label: t('message.receives'), value: message.receiveCount },
        { label: t('message.size'), value: t('message.bytes', { count: message.bytes }) },
        ...Object.entries(message.system)
          .filter(([name]) => name !== 'SentTimestamp' && name !== 'ApproximateReceiveCount')
          .map(([name, value]) => ({ label: name, value })),
      ]}
    />
  );
  const attributes = (
    <Table
      variant="borderless"
      wrapLines
      items={message.attributes}
      trackBy="name"
      empty={t('message.noAttributes')}
      columnDefinitions={[
        { id: 'name', header: t('form.name'), cell: (it) => it.name },
        { id: 'type', header: t('form.type'), cell: (it) => it.type },
        { id: 'value', header: t('form.value'), cell: (it) => it.value },
      ]}
    />
  );
  return (
    <Modal
      visible
      size="large"
      onDismiss={onClose}
      header={t('message.title')}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button iconName="download" onClick={onDownload}>
              {t('receive.download')}
            </Button>
            {onSendAgain !== undefined && (
              <Button onClick={onSendAgain}>{t('message.sendAgain')}</Button>
            )}
            <Button variant="primary" onClick={onClose}>
              {t('action.done')}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <Tabs
        tabs={[
          { id: 'body', label: t('send.body'), content: body },
          { id: 'details', label: t('form.details'), content: details },
          {
            id: 'attributes',
            label: t('message.attributes', { count: message.attributes.length }),
            content: attributes,
          },
        ]}
      />
    </Modal>
  );
}
