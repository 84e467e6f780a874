"""The compiled loops over histories. Each takes arrays and gives arrays; none knows the language.

All of them read a profile's run between two indices, `start` included and `stop` excluded. A matcher is one bit
(`mask`) of a column of 64-bit words (`words`).
"""
