"""What is wrong with the catalog's pictures: looked for in the background, shown to staff.

Facts (`facts`) are measured once for each picture and product, and kept in a file. Claims
(`judging`) follow from all facts, anew each time, and become findings (`findings`) in the database,
which staff dismiss, merge or mend. A finding goes when its cause does.
"""
