"""The prices of a catalogue asked for anew at the provider's own source, and replaced whole or not at all.

========  ===========================================================================================================
pages     ``Pages``: pages of an answer, each asked for with patience and kept, so that a run that ended goes on
azure     ``listed``: Azure's Retail Prices as prices of the catalogue
changes   ``changes``: what differs from the prices there are, and what is not to be believed
write     ``replace_prices``: one file of a catalogue in a folder of one's own, checked, then put in place in one step
========  ===========================================================================================================

The catalogue that ships is never written to. AWS and Google Cloud are to come.
"""
