"""Files that outlive a crash: one or many, by one process or several, resumed where they were."""
