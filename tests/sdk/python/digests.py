"""The MD5 digests of the SQS Developer Guide, computed a second time."""

import hashlib
import struct


def md5_of_body(body):
    return hashlib.md5(body.encode()).hexdigest()


def md5_of_attributes(attributes):
    """MD5OfMessageAttributes: name, type and value of each, in the order of the names."""
    digest = hashlib.md5()

    def add(value):
        digest.update(struct.pack('>I', len(value)) + value)

    for name, attribute in sorted(attributes.items()):
        add(name.encode())
        add(attribute['DataType'].encode())
        if 'BinaryValue' in attribute:
            digest.update(b'\x02')
            add(attribute['BinaryValue'])
        else:
            digest.update(b'\x01')
            add(attribute['StringValue'].encode())
    return digest.hexdigest()
