import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { MessageAttribute } from '../../api/messages';
import { useI18n } from '../../i18n';
import { ATTRIBUTES_MAX } from '../../model/message-form';

interface MessageAttributesProps {
  attributes: MessageAttribute[];
  problem: string | undefined;
  onChange: (attributes: MessageAttribute[]) => void;
}

const TYPES = ['String', 'Number', 'Binary'].map((value) => ({ value, label: value }));

export function MessageAttributes({ attributes, problem, onChange }: MessageAttributesProps) {
  const { t } = useI18n();
  const change = (at: number, part: Partial<MessageAttribute>) =>
    onChange(attributes.map((it, index) => (index === at ? { ...it, ...part } : it)));
  return (
    <SpaceBetween size="s">
      {attributes.map((attribute, at) => (
        <div className="attribute" key={at}>
          <FormField label={t('form.name')}>
            <Input
              value={attribute.name}
              spellcheck={false}
              onChange={({ detail }) => change(at, { name: detail.value })}
            />
          </FormField>
          <FormField label={t('form.type')}>
            <Select
              selectedOption={{ value: attribute.type, label: attribute.type }}
              options={TYPES}
              onChange={({ detail }) =>
                change(at, { type: detail.selectedOption.value ?? 'String' })
              }
            />
          </FormField>
          <FormField
            label={attribute.type.startsWith('Binary') ? t('message.base64') : t('form.value')}
          >
            <Input
              value={attribute.value}
              spellcheck={false}
              onChange={({ detail }) => change(at, { value: detail.value })}
            />
          </FormField>
          <Button onClick={() => onChange(attributes.filter((_, index) => index !== at))}>
            {t('action.remove')}
          </Button>
        </div>
      ))}
      {problem !== undefined && <Box color="text-status-error">{problem}</Box>}
      <Button
        iconName="add-plus"
        disabled={attributes.length >= ATTRIBUTES_MAX}
        onClick={() => onChange([...attributes, { name: '', type: 'String', value: '' }])}
      >
        {t('message.addAttribute')}
      </Button>
    </SpaceBetween>
  );
}
