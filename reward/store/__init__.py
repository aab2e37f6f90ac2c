"""Every judgement in one table: the cache, the resume log and the audit trail at once.

    stored_judge   StoredJudge: a judge that asks the table first and writes down what it does
    verdict_store  VerdictStore: the table as a running server uses it; it never costs a reward
    table          the columns
    retention, stats, export, command   what ``flex-reward store`` does with it

Importing this package does not load SQLAlchemy.
"""
