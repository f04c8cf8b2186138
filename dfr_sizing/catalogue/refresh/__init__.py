"""The prices of a catalogue asked for anew at the provider's own source, and replaced whole or not at all.

========  ===========================================================================================================
pages     ``Pages``: pages of an answer, each asked for with patience and kept, so that a run that ended goes on
aws       ``listed``: AWS's Price List, through boto3
azure     ``listed``: Azure's Retail Prices as prices of the catalogue
gcp       ``listed``: Google Cloud's Billing Catalog likewise, machines added up of their vCPUs and GiB
changes   ``changes``: what differs from the prices there are, and what is not to be believed
write     ``replace_prices``: one file of a catalogue in a folder of one's own, checked, then put in place in one step
========  ===========================================================================================================

The catalogue that ships is never written to.
"""
