"""Judging ahead of training: what best-of-N, preference labelling and judging again share.

    table → rows → (sampled candidates) → comparisons → records → what is made of them

    sources      rows of a table, with the candidates that were sampled for them
    sampling     candidates from a policy
    schemes      how the candidates of a row are compared; knockout is one of them
    comparisons  what the judge said of a row's candidates, and what it comes to
    records      the same as a line of a file
    shards       such lines on disk, in pieces that are there whole or not at all
    stages       rows go through a worker into shards; a killed run goes on at the first that lacks
    jobs         a folder with its settings, its shards and its store
    writing      what is made of it, in a thread that can be stopped
    outputs      files of rows: JSONL, Parquet, Hugging Face datasets

Importing this package loads none of them.
"""
