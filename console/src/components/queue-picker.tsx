import Select from '@cloudscape-design/components/select';
import { useCallback } from 'react';
import { listQueues, nameOfArn, nameOfUrl } from '../api/queues';
import { useLoad } from '../hooks/use-load';
import { useSession } from '../hooks/use-session';
import { useI18n } from '../i18n';

interface QueuePickerProps {
  label: string;
  /** Of any queue: those to choose from live beside it. */
  arn: string;
  isFifo: boolean;
  chosen: string;
  onChoose: (arn: string) => void;
}

/** Chooses among the queues of one type. */
export function QueuePicker({ label, arn, isFifo, chosen, onChoose }: QueuePickerProps) {
  const { t } = useI18n();
  const names = useQueueNames(isFifo);
  const prefix = arn.slice(0, arn.lastIndexOf(':') + 1);
  const options = names.names.map((name) => ({ value: prefix + name, label: name }));
  return (
    <Select
      ariaLabel={label}
      placeholder={t('picker.choose')}
      empty={t('picker.empty')}
      filteringType={options.length > 8 ? 'auto' : 'none'}
      statusType={names.status}
      selectedOption={chosen === '' ? null : { value: chosen, label: nameOfArn(chosen) }}
      options={options}
      onChange={({ detail }) => onChoose(detail.selectedOption.value ?? '')}
    />
  );
}

export function useQueueNames(isFifo: boolean) {
  const { client } = useSession();
  const load = useCallback((signal: AbortSignal) => listQueues(client, signal), [client]);
  const { state } = useLoad(load);
  const status =
    state.status === 'ready' ? 'finished' : state.status === 'failed' ? 'error' : 'loading';
  const all = state.status === 'ready' ? state.value.map(nameOfUrl) : [];
  return { status, names: all.filter((name) => name.endsWith('.fifo') === isFifo) } as const;
}
