"""Go's templates, as far as the annotations and labels of rules use them.

https://pkg.go.dev/text/template and
https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
"""
