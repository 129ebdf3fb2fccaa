"""`./dev bench`: what wxbus does in a second and what it costs, each figure beside its reference in the same run.

`figures` is the arithmetic and the table, `world` what runs; every other module measures one thing.
"""
