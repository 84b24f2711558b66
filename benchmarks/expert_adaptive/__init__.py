"""The protocol of arXiv 2402.07330 (Tables I, II, III) and cross-validation by case, with the controls nobody reports.

`packs` data sets, `cells` what is measured once, `recipes` how a style is made, `runner` resuming and parallel, `tables` statistics,
`figure` the picture. The command is in `__main__`.
"""
